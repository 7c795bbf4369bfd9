"""The chart under Helm 3; the other tests have Helm 4."""

import shutil
from dataclasses import replace
from typing import Any, Final

import pytest
from tests.cluster.support.chart import Release, render
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import DATABASE, Namespace
from tests.cluster.test_chart_templates import ALL
from tests.support.config import config, route

pytestmark = pytest.mark.usefixtures("own_operator", "helm_3")

PROGRAM: Final = "helm3"


@pytest.fixture(scope="module")
def helm_3(cluster: Cluster) -> None:
    if shutil.which(PROGRAM, path=cluster.environment()["PATH"]) is None:
        assert cluster.tools.programs is None, f"{PROGRAM} is among what is built"
        pytest.skip(f"there is no {PROGRAM} on PATH")


def by_place(documents: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Without the password of the Postgres for trials, which is another each time."""
    for each in documents:
        if each["kind"] == "Secret":
            del each["stringData"]
        elif each["kind"] == "StatefulSet":
            del each["spec"]["template"]["metadata"]["annotations"]["checksum/password"]
    made = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in documents}
    assert len(made) == len(documents)
    return made


@ALL
def test_it_renders_the_same(cluster: Cluster, values: dict[str, Any]) -> None:
    """Each object, to the letter."""
    assert by_place(render(cluster, values, program=PROGRAM)) == by_place(render(cluster, values))


def test_the_life_of_a_release(cluster: Cluster, namespace: Namespace) -> None:
    """Installed with its resource, tested, upgraded, rolled back; upgraded by Helm 4, and uninstalled by that."""
    kubectl = namespace.kubectl
    made = config(route("rides", "http://rides/webhook"))["spec"]
    made["database"] = {"urlSecretRef": {"name": DATABASE, "key": "url"}}
    resource = {"create": True, "name": "shop", "spec": made}
    old = Release(cluster, namespace, {"operator": {"replicas": 1}}, program=PROGRAM)
    new = replace(old, program="helm", installed_by=PROGRAM)
    try:
        old.install(config=resource)
        eventually(lambda: kubectl.condition("wcc", "shop", "DependenciesResolved"), "the operator looks at it")
        # Not --logs: this Helm looks for them once the pod that succeeded is gone.
        assert "Phase:          Succeeded" in old.test(logs=False).out

        def batch_size() -> int:
            found: int = kubectl.must_get("wcc", "shop")["spec"]["dlq"]["batchSize"]
            return found

        first = batch_size()
        for release, size in ((old, 7), (new, 9)):
            release.upgrade(config={**resource, "spec": {**made, "dlq": {"batchSize": size}}})
            assert batch_size() == size
            if release is old:
                old.rollback(1)
                assert batch_size() == first
        assert "An operator is ready" in new.test().out
    finally:
        new.uninstall()
    eventually(lambda: kubectl.get("wcc", "shop") is None, "the resource goes with its release")
