"""One walk over a table: batches of pages, as many at a time as take a few milliseconds."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from webhookcore.store import retention
from webhookcore.store.database import Connection, Database
from webhookcore.store.retention import Kind
from webhookcore_workers.patience import patiently

_GOAL_SECONDS: Final = 0.004
"""A batch holds its locks for no longer than it takes: 20 ms are the promise, and machines are busy at times."""
_MOST_PAGES: Final = 128
_FEWEST_PAGES: Final = 4


@dataclass(slots=True)
class Pace:
    """How many pages the next batch takes; told how long the last one took."""

    pages: int = 32

    def took(self, seconds: float) -> None:
        if seconds > 2 * _GOAL_SECONDS:
            self.pages //= 2
        elif seconds < _GOAL_SECONDS:
            self.pages += self.pages // 2
        self.pages = min(max(self.pages, _FEWEST_PAGES), _MOST_PAGES)


@dataclass(slots=True)
class Swept:
    """What one walk deleted, and the longest that a batch took."""

    deleted: int = 0
    longest_ms: float = 0.0


async def sweep(database: Database, kind: Kind, *, cutoff: datetime, stop: asyncio.Event, into: Swept) -> None:
    """Deletes everything of its kind that is older than `cutoff`; `into` grows as it goes.

    `stop` ends it between two batches.
    """

    async def count(conn: Connection) -> int:
        return await retention.pages(conn, kind)

    async def batch(conn: Connection) -> tuple[int, float]:
        started = time.monotonic()
        deleted = await retention.delete(conn, kind, first=first, end=end, cutoff=cutoff, now=database.now())
        return deleted, time.monotonic() - started

    total, first, pace = await patiently(database, count), 0, Pace()
    while first < total and not stop.is_set():
        end = first + pace.pages
        deleted, seconds = await patiently(database, batch)
        into.deleted += deleted
        into.longest_ms = max(into.longest_ms, seconds * 1000)
        pace.took(seconds)
        first = end
