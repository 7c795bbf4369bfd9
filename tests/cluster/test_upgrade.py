"""Upgrades of the chart and of the operator, there and back: what rolls, when, and how often."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.cluster.support import image as images
from tests.cluster.support import live as lives
from tests.cluster.support.chart import CHART, image_values
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.live import Live
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import OPERATOR, Operator

MIGRATIONS: Final = "app.kubernetes.io/component=migrate"
ANOTHER: Final[Mapping[str, Any]] = {"operator.podAnnotations": {"example.com/release": "next"}}
"""Values that make other pods of the operator, with the same image."""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def live(operator: Operator, module_namespaces: Callable[[], Namespace]) -> Live:
    """Two routers, which run the operator's own image."""
    del operator
    return lives.live(module_namespaces(), replicas=2)


@pytest.fixture
def restored(operator: Operator) -> Iterator[Operator]:
    """The operator, which may be upgraded: it is the suite's again afterwards."""
    yield operator
    operator.release.chart = CHART
    operator.upgrade()


def next_chart(folder: Path) -> Path:
    """The same chart, a version later."""
    copy = folder / "chart"
    shutil.copytree(CHART, copy)
    file = copy / "Chart.yaml"
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**told, "version": "99.0.0", "appVersion": "99.0.0"}), encoding="utf-8")
    return copy


def running_image(live: Live) -> str:
    (container,) = live.deployment()["spec"]["template"]["spec"]["containers"]
    image: str = container["image"]
    return image


def migrated_before_it_rolled(live: Live) -> None:
    """The Job of the present image was done when the first of its routers was made."""
    (job,) = live.kubectl.all("jobs", MIGRATIONS)
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == running_image(live)
    done = datetime.fromisoformat(job["status"]["completionTime"])
    pods = live.kubectl.staying("pods", lives.SELECTOR)
    made = [datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) for pod in pods]
    assert min(made) >= done


def test_the_next_chart_with_the_same_image(live: Live, restored: Operator, tmp_path: Path) -> None:
    """Routers and jobs stay what they are, to the letter, also when the operator's own pods are others."""
    operator = restored
    kinds = "deployments,cronjobs,services,configmaps"
    before = {child["metadata"]["name"]: child["metadata"]["resourceVersion"] for child in live.kubectl.all(kinds)}
    template, routers = live.deployment()["spec"]["template"], live.routers()
    former = set(operator.pods())

    operator.release.chart = next_chart(tmp_path)
    operator.upgrade()
    assert set(operator.pods()) == former, "the chart's version is not in the pods"
    operator.upgrade(**ANOTHER)
    assert not set(operator.pods()) & former
    operator.resynced()
    live.wait_ready()

    assert live.deployment()["spec"]["template"] == template
    assert (live.routers(), live.restarts()) == (routers, 0)
    after = {child["metadata"]["name"]: child["metadata"]["resourceVersion"] for child in live.kubectl.all(kinds)}
    assert after == before


def test_a_new_image_and_back(live: Live, restored: Operator, tmp_path: Path) -> None:
    """Its migration runs, then the routers roll, once; rolled back by Helm, the same the other way. Under load."""
    operator, old = restored, live.namespace.cluster.image
    new = images.variant(live.namespace.cluster, tmp_path, "LABEL release=next")
    revision, release = live.revision(), helm_revision(operator)
    with live.load() as meta:
        operator.upgrade(**image_values(new))
        eventually(lambda: running_image(live) == new, "the new image is rolled out", seconds=90)
        live.wait_ready()
        assert live.revision() == revision + 1
        migrated_before_it_rolled(live)

        operator.release.rollback(release)
        eventually(lambda: running_image(live) == old, "the image of before is rolled out", seconds=90)
        live.wait_ready()
        assert live.revision() == revision + 2
        migrated_before_it_rolled(live)
    live.delivered_once(meta)


def helm_revision(operator: Operator) -> int:
    """Of the release as it is deployed."""
    release = operator.release
    said = release.cluster.helm("status", release.name, "-o", "json", namespace=release.namespace.name)
    revision: int = said.json()["version"]
    return revision


def test_an_operator_upgraded_in_the_middle_of_a_rollout(live: Live, restored: Operator) -> None:
    """Another replica takes it from there: the routers roll once, and all of them."""
    before, former = live.revision(), restored.leader()
    live.change(router={"podAnnotations": {"example.com/change": "1"}})
    eventually(lambda: live.revision() == before + 1, "the rollout begins")
    restored.kubectl("delete", "pod", former, "--wait=false")
    assert live.deployment()["status"].get("updatedReplicas", 0) < 2, "the rollout was over before the leader went"
    restored.upgrade(**ANOTHER)
    assert former not in restored.pods()
    live.wait_ready()
    restored.kubectl.rolled_out(f"deployment/{OPERATOR}")
    restored.resynced()
    assert live.revision() == before + 1
    annotations = live.deployment()["spec"]["template"]["metadata"]["annotations"]
    assert annotations["example.com/change"] == "1"
    assert live.restarts() == 0
