"""The conditions of a resource: what is so, why, and since when. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhookcore_operator.gate import MIGRATING
from webhookcore_operator.render.inputs import Manifest


class Type(StrEnum):
    """What a condition is about, in the order of the status."""

    READY = "Ready"
    SPEC_APPLIED = "SpecApplied"
    ROUTER_AVAILABLE = "RouterAvailable"
    DATABASE_MIGRATED = "DatabaseMigrated"
    SCHEDULED_TASKS_HEALTHY = "ScheduledTasksHealthy"
    DEPENDENCIES_RESOLVED = "DependenciesResolved"
    SUSPENDED = "Suspended"


TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
ROLLING_OUT = "RollingOut"
MANUAL = "Manual"
NAME_CONFLICT = "NameConflict"
_SUMMED_UP = (Type.SPEC_APPLIED, Type.ROUTER_AVAILABLE, Type.DATABASE_MIGRATED, Type.DEPENDENCIES_RESOLVED)
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `reason` is a word for machines, `message` for people: what is wrong and what to do."""

    type: Type
    status: str
    reason: str
    message: str


def ready(conditions: Iterable[Condition]) -> Condition:
    """The sum: false where one of those that count is; unknown where one is. A change that is under way does not count
    against it: what ran before still runs. Neither does a database that somebody else migrates.
    """
    held = {condition.type: condition for condition in conditions}
    parts = [held[each] for each in _SUMMED_UP if each in held]
    for status in (FALSE, UNKNOWN):
        against = [part for part in parts if part.status == status and not _forgiven(part)]
        if against:
            first = against[0]
            return Condition(Type.READY, status, first.reason, "; ".join(part.message for part in against))
    return Condition(Type.READY, TRUE, "Ready", "routers take notifications, and what runs is what the spec says")


def _forgiven(part: Condition) -> bool:
    if part.type is Type.SPEC_APPLIED:
        return part.reason == ROLLING_OUT
    return part.type is Type.DATABASE_MIGRATED and part.reason in (MANUAL, MIGRATING)


def written(conditions: Iterable[Condition], before: Manifest, generation: int, now: str) -> list[dict[str, Any]]:
    """As they stand in the status. Since when moves only where the status of a condition does."""
    known = by_type(before)
    return [
        {
            "type": str(condition.type),
            "status": condition.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(known.get(str(condition.type)), condition.status, now),
            "reason": condition.reason,
            "message": condition.message[:_LONGEST],
        }
        for condition in conditions
    ]


def by_type(status: Manifest) -> Mapping[str, dict[str, Any]]:
    """The conditions of a status as it is written."""
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _since(before: Mapping[str, Any] | None, status: str, now: str) -> str:
    return str(before["lastTransitionTime"]) if before and before["status"] == status else now


def transitions(before: Manifest, after: Manifest) -> list[dict[str, Any]]:
    """The conditions whose status or reason is another one than before."""
    known = by_type(before)
    return [
        condition
        for condition in after["conditions"]
        if (old := known.get(condition["type"])) is None
        or (old["status"], old["reason"]) != (condition["status"], condition["reason"])
    ]
