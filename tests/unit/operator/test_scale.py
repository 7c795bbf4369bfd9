"""Who says how many routers there are, and the ways from one to the other."""

from typing import Any

import pytest
from tests.unit.operator.objects import OPERATOR, deployment, writer

from webhookcore.settings import Router
from webhookcore_operator.render.names import SCALE_MANAGER
from webhookcore_operator.scale import Scale, decide, settled

FIELD: dict[str, Any] = {"f:replicas": {}}
AUTOSCALER = writer("kube-controller-manager", "Update", **FIELD)
HANDED_OVER = writer(SCALE_MANAGER, "Apply", **FIELD)
PERSON = writer("kubectl", "Update", **FIELD)
OTHER_FIELDS = writer("kube-controller-manager", "Update", **{"f:paused": {}})


def router(replicas: int = 2, **autoscaling: int) -> Router:
    return Router.model_validate({"replicas": replicas, **({"autoscaling": autoscaling} if autoscaling else {})})


AUTOSCALED = router(minReplicas=3, maxReplicas=9)


def test_the_first_time() -> None:
    """The spec's number, or the autoscaler's least: an object that is made without the field has one."""
    assert decide(router(4), None) == Scale(4)
    assert decide(AUTOSCALED, None) == Scale(3)


@pytest.mark.parametrize("current", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("written_by", [(OPERATOR,), (PERSON,), (PERSON, OTHER_FIELDS), ()])
def test_without_an_autoscaler_the_spec_says_it_at_once(current: int, written_by: Any) -> None:
    """Whoever else wrote another number, and whatever is under way: fifty that never get ready must not stay."""
    assert decide(router(2), deployment(current, ready=0, written_by=written_by)) == Scale(2)


def test_the_field_is_handed_over_before_it_is_left_out() -> None:
    """With the number that is there, so that there is no dip."""
    assert decide(AUTOSCALED, deployment(5, written_by=(OPERATOR, OTHER_FIELDS))) == Scale(None, hand_over=5)


@pytest.mark.parametrize("owner", [AUTOSCALER, HANDED_OVER, PERSON])
def test_what_is_handed_over_is_left_alone(owner: Any) -> None:
    """For as long as there is an autoscaler."""
    assert decide(AUTOSCALED, deployment(5, written_by=(owner,))) == Scale(None)


@pytest.mark.parametrize("owner", [AUTOSCALER, HANDED_OVER, PERSON, OPERATOR])
def test_none_at_all_is_the_autoscalers_least_again(owner: Any) -> None:
    """Somebody scaled to none: an autoscaler does nothing about that, for ever."""
    assert decide(AUTOSCALED, deployment(0, written_by=(owner,))) == Scale(3)


@pytest.mark.parametrize("owner", [AUTOSCALER, HANDED_OVER])
def test_off_again_the_number_stays_until_all_is_ready(owner: Any) -> None:
    """And is left out meanwhile, so that the next look still knows whose it is; then it is the spec's."""
    assert decide(router(2), deployment(5, ready=4, written_by=(owner,))) == Scale(None)
    assert decide(router(2), deployment(5, updated=1, written_by=(owner,))) == Scale(None)
    assert decide(router(2), deployment(5, written_by=(owner,))) == Scale(2)


def test_off_again_with_more_wanted_than_there_are() -> None:
    """Never below both: more is more at once."""
    assert decide(router(6), deployment(5, ready=1, written_by=(AUTOSCALER,))) == Scale(6)


def test_a_deployment_without_the_field_has_one() -> None:
    """As the server reads it."""
    live = deployment(5, ready=1, written_by=(AUTOSCALER,))
    del live["spec"]["replicas"]
    assert decide(router(2), live) == Scale(2)


@pytest.mark.parametrize(
    "field", ["observedGeneration", "updatedReplicas", "replicas", "readyReplicas", "availableReplicas"]
)
def test_settled_is_all_of_it(field: str) -> None:
    """The controller has seen the newest generation, and all pods are new, ready and no more than wanted."""
    live = deployment(2)
    assert settled(live)
    live["status"][field] += 1
    assert not settled(live)
    del live["status"][field]
    assert not settled(live)


def test_a_deployment_that_nobody_has_looked_at_is_not_settled() -> None:
    """It has no status yet."""
    live = deployment(2)
    del live["status"]
    assert not settled(live)
