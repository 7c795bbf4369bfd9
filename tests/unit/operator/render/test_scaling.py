"""How many routers there are, and how many may go at a time."""

from typing import Any

import pytest
from tests.unit.operator.render.resources import MINIMAL, changed, inputs

from webhookcore_operator.render import Inputs, Manifest, router_children

PLACE = "spec.router.topologySpreadConstraints"


def only(wanted: Inputs, kind: str) -> Manifest | None:
    found = [child for child in router_children(wanted) if child["kind"] == kind]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("router", "protected"),
    [
        ({"replicas": 1}, False),
        ({"replicas": 2}, True),
        ({"replicas": 64}, True),
        ({"replicas": 5, "autoscaling": {"minReplicas": 1, "maxReplicas": 9}}, False),
        ({"replicas": 1, "autoscaling": {"minReplicas": 2, "maxReplicas": 9}}, True),
    ],
)
def test_disruption_budget(router: dict[str, Any], protected: bool) -> None:
    """Only where two routers are sure: one alone would never leave its node."""
    assert (only(inputs(changed(MINIMAL, "spec.router", router)), "PodDisruptionBudget") is not None) is protected


@pytest.mark.parametrize(("replicas", "written"), [(3, {"replicas": 3}), (0, {"replicas": 0}), (None, {})])
def test_replicas(replicas: int | None, written: dict[str, int]) -> None:
    """The reconciler's word; None leaves the field to the autoscaler."""
    deployment = only(inputs(MINIMAL, replicas=replicas), "Deployment")
    assert deployment is not None
    assert {name: value for name, value in deployment["spec"].items() if name == "replicas"} == written


def test_a_rollout_takes_nobody_away() -> None:
    """A router goes when its successor is ready."""
    deployment = only(inputs(MINIMAL), "Deployment")
    assert deployment is not None
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_apart() -> None:
    """Routers prefer different nodes, unless the resource says what they should do instead."""
    own = [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    for spec, topology in ((MINIMAL, "kubernetes.io/hostname"), (changed(MINIMAL, PLACE, own), "zone")):
        deployment = only(inputs(spec), "Deployment")
        assert deployment is not None
        [spread] = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == topology


@pytest.mark.parametrize(("timeout_ms", "seconds"), [(100, 21), (4000, 24), (4001, 25), (30_000, 50)])
def test_grace(timeout_ms: int, seconds: int) -> None:
    """A router that stops may finish its deliveries."""
    deployment = only(inputs(changed(MINIMAL, "spec.router.timeoutMs", timeout_ms)), "Deployment")
    assert deployment is not None
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == seconds
