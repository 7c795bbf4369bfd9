"""`make deploy`: one command brings everything into the current context's cluster, and tests it there."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support import manifests
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.deployer import ARGUMENTS, Deployer, deploying
from tests.cluster.support.example import FOLDER, NAME


@pytest.fixture(scope="module")
def deployer(cluster: Cluster, own_operator: None) -> Iterator[Deployer]:
    del own_operator
    with deploying(cluster) as made:
        yield made


def test_everything_at_once(deployer: Deployer, tmp_path: Path) -> None:
    """Image, operator, example and migration, each shown; then tests; then where things are. Twice is an upgrade."""
    first = deployer.deploy(PATH=_with_slow_kind(deployer.cluster, tmp_path))
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


def _with_slow_kind(cluster: Cluster, folder: Path) -> str:
    """PATH on a machine of two clusters: its kind lists this one first, and the other one later."""
    path = cluster.environment()["PATH"]
    slow = folder / "kind"
    slow.write_text(f"""#!/bin/sh
if [ "$1 $2" = "get clusters" ]; then
    echo {cluster.name}
    sleep 1
    exec echo another
fi
exec {shutil.which("kind", path=path)} "$@"
""")
    slow.chmod(0o755)
    return f"{folder}:{path}"


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
