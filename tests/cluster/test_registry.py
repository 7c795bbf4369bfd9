"""An image in a registry that wants a password: `make deploy` pushes it, and nodes pull it by its tag or its digest."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.deployer import ARGUMENTS, Deployer, deploying
from tests.cluster.support.example import FOLDER, NAME, SERVICES
from tests.cluster.support.kubectl import Kubectl
from tests.cluster.support.namespace import Namespace, namespace_manifest
from tests.cluster.support.operator import becomes, ready
from tests.cluster.support.registry import PASSWORD, USER, Registry, registry
from tests.cluster.support.tools import ROOT
from tests.support.config import route

OPENS: Final = "registry"
"""The Secret."""
PULLED: Final = f"{ARGUMENTS} --set embeddedPostgres.enabled=true --set image.pullSecrets={{{OPENS}}}"


@pytest.fixture(scope="module")
def private(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(cluster, tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="module")
def deployer(cluster: Cluster, own_operator: None, private: Registry) -> Iterator[Deployer]:
    """The namespace has what opens the registry, and services that the resource names."""
    del own_operator
    with deploying(cluster) as made:
        port = {"port": 80}
        services = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICES}, "spec": {"ports": [port]}}
        cluster.kubectl.apply(namespace_manifest(made.namespace))
        made.kubectl.apply(private.secret(OPENS), services)
        yield made


def pulled(kubectl: Kubectl) -> str:
    """The digest of what the routers' node has pulled, all of them the same: `sha256:...`."""
    pods = kubectl.staying("pods", "app.kubernetes.io/component=router")
    (digest,) = {status["imageID"].partition("@")[2] for pod in pods for status in pod["status"]["containerStatuses"]}
    return str(digest)


def told_by_the_page(words: Mapping[str, str]) -> list[str]:
    """What docs/kubernetes.md has somebody type after the word kubectl, with these words in the place of its own."""
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for its, real in words.items():
        page = page.replace(its, real)
    commands = re.findall(r"^\$ kubectl (create secret docker-registry .*|patch .*pullSecrets.*)$", page, re.MULTILINE)
    assert len(commands) == 2
    return commands


def test_pushed_and_pulled(deployer: Deployer, private: Registry, tmp_path: Path) -> None:
    """By a tag of its content; then the same image by its digest."""
    resource: dict[str, Any] = yaml.safe_load((FOLDER / "webhookcoreconfig.yaml").read_text(encoding="utf-8"))
    resource["spec"]["image"] = {"pullSecrets": [OPENS]}
    (tmp_path / "resource.yaml").write_text(yaml.safe_dump(resource), encoding="utf-8")
    (tmp_path / "secrets.yaml").write_text((FOLDER / "secrets.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    own, login = str(tmp_path), str(private.docker_config)
    # Another image than the other tests': since 1.35 a kubelet that has pulled one with a Secret refuses it to pods
    # without one, even if it was loaded.
    said = deployer.deploy(
        REGISTRY=f"{private.host}/team/", DOCKER_CONFIG=login, REVISION="pushed", CONFIG=own, ARGS=PULLED
    )
    repository = f"{private.host}/team/webhook-core"
    (pushed,) = re.findall(r"^     pushing (\S+)$", said.out, re.MULTILINE)
    assert re.fullmatch(rf"{repository}:\d\S*-[0-9a-f]{{12}}", pushed)
    assert deployer.kubectl.must_get("wcc", NAME)["status"]["image"] == pushed
    digest = pulled(deployer.kubectl)
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)

    by_digest = f"{repository}@{digest}"
    said = deployer.deploy(IMAGE=by_digest, CONFIG=own, ARGS=PULLED)
    assert f"\n     {by_digest}\n" in said.out
    assert deployer.kubectl.must_get("wcc", NAME)["status"]["image"] == by_digest
    assert pulled(deployer.kubectl) == digest


def test_a_resource_without_the_password(
    deployer: Deployer, private: Registry, namespaces: Callable[[], Namespace]
) -> None:
    """The operator's own does not reach into another namespace. It is told, and goes on once the resource names one."""
    del deployer
    namespace = namespaces()
    kubectl = namespace.kubectl
    namespace.secrets(namespace.postgres().url)
    rides = route("rides", f"http://{SERVICES}/", keywords=["ride"])
    kubectl.apply(namespace.config(rides, router={"replicas": 1}, image={"pullPolicy": "Always"}))
    told = becomes(kubectl, "DatabaseMigrated", "False", "MigrationStalled")
    assert "ErrImagePull" in told["message"] or "ImagePullBackOff" in told["message"]
    for command in told_by_the_page({"registry.example.com": private.host, "USER": USER, "PASSWORD": PASSWORD}):
        kubectl(*shlex.split(command.replace("wcc webhook-core", "wcc test")))
    ready(kubectl)
