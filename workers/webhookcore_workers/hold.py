"""Rows that no router judged: left alone for a moment, and after a second miss for the rest of the run."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

PAUSE_SECONDS: Final = 2.0
TRIES: Final = 2


@dataclass(slots=True)
class Hold:
    """Keeps a row that breaks every answer from being tried in a circle; it is never charged for it."""

    _misses: dict[UUID, int] = field(default_factory=dict)
    _until: dict[UUID, float] = field(default_factory=dict)

    def missed(self, row_id: UUID, now: float) -> None:
        self._misses[row_id] = self._misses.get(row_id, 0) + 1
        self._until[row_id] = now + PAUSE_SECONDS if self._misses[row_id] < TRIES else float("inf")

    def ids(self, now: float) -> set[UUID]:
        """What must not be claimed now."""
        return {row_id for row_id, until in self._until.items() if until > now}

    def seconds_until_due(self, now: float) -> float | None:
        """When the next one may be tried again; None when none will be in this run."""
        waiting = [until - now for until in self._until.values() if now < until < float("inf")]
        return min(waiting, default=None)
