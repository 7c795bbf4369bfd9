"""Who of several resources in a namespace has the CronJobs' names."""

from typing import Any

import pytest
from tests.unit.operator.objects import config

from webhookcore_operator import claim


def test_the_oldest_has_the_names() -> None:
    """Whatever order they are listed in."""
    older, younger = (
        config("b", uid="2", created="2026-01-01T00:00:00Z"),
        config("a", uid="1", created="2026-01-02T00:00:00Z"),
    )
    assert claim.holder([older, younger]) is claim.holder([younger, older]) is older


def told(reason: str) -> dict[str, Any]:
    """A status with this reason of SpecApplied."""
    others = {"type": "Ready", "reason": "NoRouterReady"}, {"type": "Suspended", "reason": "NotSuspended"}
    return {"conditions": [{"type": "SpecApplied", "reason": reason}, *others]}


def test_ties_are_broken_by_uid() -> None:
    """Two of one manifest are made in the same second."""
    first, second = config("b", uid="1"), config("a", uid="2")
    assert claim.holder([second, first]) is first
    second["status"] = told("NameConflict")
    assert claim.holder([second, first]) is first
    first["status"] = told("NameConflict")
    assert claim.holder([second, first]) is first


@pytest.mark.parametrize("reason", ["Applied", "RollingOut", "Suspended", "InvalidSpec", "NotLookedAt"])
def test_of_two_of_one_second_whoever_was_reconciled_first_keeps_the_names(reason: str) -> None:
    """Its children are there: nobody else could have the names. An older one has them all the same."""
    first, second = config("b", uid="2", status=told(reason)), config("a", uid="1")
    assert claim.holder([second, first]) is first
    second["status"] = told("NameConflict")
    assert claim.holder([second, first]) is first
    older = config("c", uid="3", created="2025-12-31T23:59:59Z")
    assert claim.holder([second, first, older]) is older


def test_whoever_has_a_cron_job_keeps_the_names() -> None:
    """Where another child's name is a stranger's its condition says NameConflict too."""
    first, second = config("b", uid="2", status=told("NameConflict")), config("a", uid="1")
    first["status"]["scheduledTasks"] = [{"name": "dlq-processor"}]
    assert claim.holder([second, first]) is first


def test_one_that_is_being_deleted_has_given_them_up() -> None:
    """Its children go with it; nobody is left without one."""
    older, younger = config("a", uid="1"), config("b", uid="2", created="2026-01-02T00:00:00Z")
    older["metadata"]["deletionTimestamp"] = "2026-01-03T00:00:00Z"
    assert claim.holder([older, younger]) is younger
    assert claim.holder([older]) is None
    assert claim.holder([]) is None
