"""Deletes what is past its time: a few pages of a table at a time, in transactions that are over in milliseconds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.errors import DeadlockDetected, LockNotAvailable

from webhookcore.store.database import Connection
from webhookcore.store.statements import load

DEDUPE_KEYS_KEPT: Final = timedelta(days=8)
"""Meta repeats a notification for up to seven days."""
JOB_RUNS_KEPT: Final = timedelta(days=30)
SERVICE_METRICS_KEPT: Final = timedelta(days=30)

_SQL = load("retention")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is deleted. `statement` is its name in retention.sql."""

    statement: str
    table: str
    skips_locked: bool = False
    """Whether others lock its rows: then there is a second statement, which passes over those that are locked."""


SESSIONS: Final = Kind("sessions", "user_sessions", skips_locked=True)
PROCESSED_LETTERS: Final = Kind("processed_letters", "wa_dead_letter_queue", skips_locked=True)
ABANDONED_LETTERS: Final = Kind("abandoned_letters", "wa_dead_letter_queue", skips_locked=True)
DEDUPE_KEYS: Final = Kind("dedupe_keys", "dedupe_keys")
JOB_RUNS: Final = Kind("job_runs", "job_runs")
SERVICE_METRICS: Final = Kind("service_metrics", "service_metrics")


async def pages(conn: Connection, kind: Kind) -> int:
    """How many pages its table has now; what is added later is too young to be deleted."""
    return await _count(conn, "pages", {"table": kind.table})


async def delete(conn: Connection, kind: Kind, *, first: int, end: int, cutoff: datetime, now: datetime) -> int:
    """Deletes what is older than `cutoff` in the pages from `first` to before `end`; how many rows that were.

    A row that somebody else has locked stays: it is in use, or another clean-up is at it.
    """
    values = {"first": f"({first},0)", "end": f"({end},0)", "cutoff": cutoff, "now": now}
    try:
        return await _count(conn, kind.statement, values)
    except (LockNotAvailable, DeadlockDetected):
        return await _count(conn, f"{kind.statement}_not_locked", values) if kind.skips_locked else 0


async def _count(conn: Connection, statement: str, values: dict[str, object]) -> int:
    """What the statement counts; one round trip."""
    async with conn.pipeline(), conn.transaction():
        await conn.execute(_SQL["short_locks"])
        cursor = await conn.execute(_SQL[statement], values)
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
