"""`make deploy`: one command brings everything into the current context's cluster, and tests it there."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support import manifests
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.example import FOLDER, NAME
from tests.cluster.support.explain import explain
from tests.cluster.support.kubectl import Kubectl, Said
from tests.cluster.support.tools import ROOT

# Tests of the chart may have had the CRD in a release of theirs.
ARGUMENTS = "--take-ownership --set operator.replicas=1"


@dataclass(frozen=True)
class Deployer:
    """Somebody who types `make deploy`."""

    cluster: Cluster
    namespace: str

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.kubectl.within(self.namespace)

    def deploy(self, *, check: bool = True, **environ: str) -> Said:
        environment = {**self.cluster.environment(), "NAMESPACE": self.namespace, "ARGS": ARGUMENTS, **environ}
        done = subprocess.run(
            ["make", "--no-print-directory", "deploy"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            told = "\n".join(f"{title}\n{text}" for title, text in explain(self.kubectl))
            pytest.fail(f"make deploy: {done.returncode}\n{done.stdout}\n{done.stderr}\n{told}", pytrace=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def routers(self) -> set[str]:
        pods = self.kubectl.all("pods", "app.kubernetes.io/component=router")
        return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


@pytest.fixture(scope="module")
def deployer(cluster: Cluster, own_operator: None) -> Iterator[Deployer]:
    """With a namespace that is not there yet."""
    del own_operator
    deployer = Deployer(cluster, f"deploy-{secrets.token_hex(3)}")
    yield deployer
    cluster.helm("uninstall", "webhook-core", "--ignore-not-found", namespace=deployer.namespace)
    cluster.kubectl.delete("namespace", deployer.namespace, wait=False)


def test_everything_at_once(deployer: Deployer) -> None:
    """Image, operator, example and migration, each shown; then tests; then where things are. Twice is an upgrade."""
    first = deployer.deploy()
    steps = re.findall(r"^(\d)/5  (\S+)", first.out, re.MULTILINE)
    assert steps == [("1", "image"), ("2", "operator,"), ("3", "resource"), ("4", "migration"), ("5", "tests")]
    assert re.search(r"^     webhook-core:\S+-[0-9a-f]{12}$", first.out, re.MULTILINE)
    assert "     DatabaseMigrated: Migrated: " in first.out
    assert "helm test: passed" in first.out
    assert re.search(r"^     8 passed in ", first.out, re.MULTILINE), first.out
    end = first.out[first.out.index("\nWebhook Core is in ") :]
    assert f"http://{NAME}-router.{deployer.namespace}.svc/wa-webhook-core" in end
    namespace = deployer.cluster.kubectl.must_get("namespace", deployer.namespace)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    # What it shows to type is what works.
    shown = dict(re.findall(r"^  (\S.{0,16}\S) {2,}(kubectl .*)$", end, re.MULTILINE))
    for name in ("how it stands", "jobs", "retry now"):
        subprocess.run(shown[name].split(), env=deployer.cluster.environment(), check=True, capture_output=True)
    assert json.loads(deployer.kubectl.succeeded("retry-now").splitlines()[-1])["success"] is True

    routers = deployer.routers()
    image = deployer.kubectl.must_get("wcc", NAME)["status"]["image"]
    again = deployer.deploy(IMAGE=image)
    assert "revision 2" in again.out
    assert deployer.routers() == routers


def test_a_resource_of_ones_own(deployer: Deployer, tmp_path: Path) -> None:
    """It is applied as it is, and its services get no message of a test. The database is where it says."""
    image = deployer.kubectl.must_get("wcc", NAME)["status"]["image"]
    resource: dict[str, Any] = yaml.safe_load((FOLDER / "webhookcoreconfig.yaml").read_text())
    resource["spec"]["dlq"]["batchSize"] = 9
    (tmp_path / "resource.yaml").write_text(json.dumps(resource))
    (tmp_path / "more.yaml").write_text(json.dumps(manifests.config_map("ours", {})))
    arguments = f"{ARGUMENTS} --set embeddedPostgres.enabled=true"
    said = deployer.deploy(IMAGE=image, CONFIG=str(tmp_path), ARGS=arguments)
    assert re.search(r"7 passed, 1 skipped in ", said.out), said.out
    assert "example-services" not in said.out
    assert deployer.kubectl.must_get("wcc", NAME)["spec"]["dlq"]["batchSize"] == 9
    assert "ours" in deployer.kubectl.names("configmaps")


def test_what_it_cannot_work_with(deployer: Deployer, tmp_path: Path) -> None:
    """It says what is missing and what to type, before it changes anything."""
    kubeconfig = yaml.safe_load(deployer.cluster.kubeconfig.read_text())
    kubeconfig["contexts"][0]["name"] = kubeconfig["current-context"] = "somewhere"
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(yaml.safe_dump(kubeconfig))

    def refused(**environ: str) -> str:
        said = deployer.deploy(check=False, **environ)
        assert said.code != 0
        return said.err

    assert "kubectl config use-context" in refused(KUBECONFIG=os.devnull)
    assert "REGISTRY=registry.example.com/team make deploy" in refused(KUBECONFIG=str(elsewhere))
    assert "there is no file nowhere.yaml" in refused(CONFIG="nowhere.yaml")
    assert "the cluster of the context nowhere does not answer" in refused(CONTEXT="nowhere")
