"""The sum of the conditions, how they are written, and which of them are news."""

from itertools import product
from typing import Any

import pytest

from webhookcore_operator import conditions
from webhookcore_operator.conditions import FALSE, TRUE, UNKNOWN, Condition, Type

GOOD = {
    Type.SPEC_APPLIED: Condition(Type.SPEC_APPLIED, TRUE, "Applied", "applied"),
    Type.ROUTER_AVAILABLE: Condition(Type.ROUTER_AVAILABLE, TRUE, "RouterReady", "2 of 2"),
    Type.DATABASE_MIGRATED: Condition(Type.DATABASE_MIGRATED, TRUE, "Migrated", "migrated"),
    Type.DEPENDENCIES_RESOLVED: Condition(Type.DEPENDENCIES_RESOLVED, TRUE, "Resolved", "resolved"),
    Type.SCHEDULED_TASKS_HEALTHY: Condition(Type.SCHEDULED_TASKS_HEALTHY, TRUE, "Healthy", "healthy"),
}


def ready_with(*bad: Condition) -> Condition:
    return conditions.ready({**GOOD, **{each.type: each for each in bad}}.values())


def test_all_well_is_ready() -> None:
    """In words for people."""
    assert ready_with() == Condition(
        Type.READY, TRUE, "Ready", "routers take notifications, and what runs is what the spec says"
    )


@pytest.mark.parametrize("type_", [type_ for type_ in GOOD if type_ is not Type.SCHEDULED_TASKS_HEALTHY])
@pytest.mark.parametrize("status", [FALSE, UNKNOWN])
def test_each_that_counts_counts(type_: Type, status: str) -> None:
    """With its own reason and message."""
    assert ready_with(Condition(type_, status, "Why", "what to do")) == Condition(
        Type.READY, status, "Why", "what to do"
    )


@pytest.mark.parametrize(
    "forgiven",
    [
        Condition(Type.SPEC_APPLIED, FALSE, "RollingOut", "1 of 2"),
        Condition(Type.DATABASE_MIGRATED, FALSE, "Migrating", "running"),
        Condition(Type.DATABASE_MIGRATED, UNKNOWN, "Manual", "run it"),
        Condition(Type.SCHEDULED_TASKS_HEALTHY, FALSE, "JobFailed", "failed"),
        Condition(Type.SUSPENDED, FALSE, "NotSuspended", ""),
    ],
    ids=lambda each: each.reason,
)
def test_what_is_under_way_or_not_the_routers_does_not_count(forgiven: Condition) -> None:
    """What ran before still runs."""
    assert ready_with(forgiven).status == TRUE


def test_a_reason_is_forgiven_only_where_it_belongs() -> None:
    """No router that is `RollingOut` answers anybody."""
    for type_, reason in product((Type.ROUTER_AVAILABLE, Type.DEPENDENCIES_RESOLVED), ("RollingOut", "Migrating")):
        assert ready_with(Condition(type_, FALSE, reason, "")).status == FALSE
    assert ready_with(Condition(Type.SPEC_APPLIED, FALSE, "Migrating", "")).status == FALSE
    assert ready_with(Condition(Type.DATABASE_MIGRATED, FALSE, "RollingOut", "")).status == FALSE


def test_what_is_wrong_comes_before_what_is_not_known() -> None:
    """All that is wrong is told, the first one's reason stands for it."""
    told = ready_with(
        Condition(Type.SPEC_APPLIED, UNKNOWN, "NotLookedAt", "not looked at"),
        Condition(Type.ROUTER_AVAILABLE, FALSE, "NoRouterReady", "0 of 2"),
        Condition(Type.DEPENDENCIES_RESOLVED, FALSE, "SecretMissing", "no Secret"),
    )
    assert told == Condition(Type.READY, FALSE, "NoRouterReady", "0 of 2; no Secret")


def written(before: Any, *now: Condition) -> list[dict[str, Any]]:
    return conditions.written(now, {"conditions": before}, 7, "2026-01-02T00:00:00Z")


def test_since_when_moves_with_the_status_alone() -> None:
    """Not with the reason, the message or the generation."""
    first = written(None, Condition(Type.READY, FALSE, "A", "a"))
    first[0]["lastTransitionTime"] = since = "2026-01-01T00:00:00Z"
    (same,) = written(first, Condition(Type.READY, FALSE, "B", "b"))
    assert same == {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 7,
        "lastTransitionTime": since,
        "reason": "B",
        "message": "b",
    }
    (other,) = written(first, Condition(Type.READY, UNKNOWN, "A", "a"))
    assert other["lastTransitionTime"] == "2026-01-02T00:00:00Z"


def test_a_message_has_an_end() -> None:
    """A status is for reading."""
    (one,) = written([], Condition(Type.READY, FALSE, "A", "ä" * 5000))
    assert one["message"] == "ä" * 4096


def test_news_is_another_status_or_reason() -> None:
    """A condition that was not there before, too; another message or generation is none."""
    before = {"conditions": written([], *GOOD.values())}
    assert conditions.transitions({}, before) == before["conditions"]
    told = Condition(Type.SPEC_APPLIED, TRUE, "Applied", "other words")
    news = Condition(Type.ROUTER_AVAILABLE, TRUE, "Other", "2 of 2")
    bad = Condition(Type.DATABASE_MIGRATED, FALSE, "Migrated", "migrated")
    after = {"conditions": written([], *{**GOOD, **{each.type: each for each in (told, news, bad)}}.values())}
    assert [each["type"] for each in conditions.transitions(before, after)] == ["RouterAvailable", "DatabaseMigrated"]
    assert conditions.transitions(after, after) == []
