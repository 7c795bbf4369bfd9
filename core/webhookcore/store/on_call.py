"""What the person on call reads and does: dead letters and their retry, the last runs of the jobs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from webhookcore.store.database import Connection
from webhookcore.store.statements import load
from webhookcore.store.url import checked

_SQL = load("on_call")
REQUEUE_BATCH: Final = 1000
"""Rows that one statement locks at most."""

CONNECT_SECONDS: Final = 5


class State(StrEnum):
    """What has become of a dead letter."""

    WAITING = "waiting"
    RETRYING = "retrying"
    ABANDONED = "abandoned"
    PROCESSED = "processed"


UNDELIVERED: Final = (State.WAITING, State.RETRYING, State.ABANDONED)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant; None leaves a side open. Times are those at which the dead letter was made."""

    ids: Sequence[UUID] | None = None
    route: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        return {"ids": self.ids, "route": self.route, "since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its payload. `from_number` and `message_id` are in the clear: whoever shows them masks."""

    id: UUID
    state: State
    route: str
    reason: str
    error_code: str
    error_message: str | None
    retry_count: int
    attempts: int
    next_retry_at: datetime | None
    received_at: datetime
    created_at: datetime
    processed_at: datetime | None
    abandoned_at: datetime | None
    from_number: str
    message_id: str | None
    correlation_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A dead letter's event: as jsonb shows it, and its exact bytes; the trace of its last error where one was kept."""

    payload: Any
    body: bytes
    error_stack: str | None


@dataclass(frozen=True, slots=True)
class Requeued:
    """A dead letter that is due again, with what its event needs."""

    id: UUID
    route: str
    from_number: str
    message_id: str | None
    correlation_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job; `result` is its JSON line."""

    jobname: str
    runid: UUID
    status: str
    start_time: datetime
    end_time: datetime | None
    result: Mapping[str, Any] | None


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[Connection, datetime]]:
    """One connection, and the database's time. Raises UrlError for what is none, one of UNAVAILABLE at once."""
    conn = await AsyncConnection.connect(
        checked(url), autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="webhookcore-cli"
    )
    async with conn:
        row = await (await conn.execute(_SQL["now"])).fetchone()
        if row is None:
            raise RuntimeError("a SELECT without FROM gave no row")
        yield conn, row[0]


async def dead_letters(
    conn: Connection, selection: Selection, *, states: Sequence[State], now: datetime, at_most: int
) -> list[DeadLetter]:
    """Newest first."""
    async with conn.cursor(row_factory=class_row(DeadLetter)) as cursor:
        await cursor.execute(
            _SQL["dead_letters"], {**selection.parameters(), "states": list(states), "now": now, "at_most": at_most}
        )
        return await cursor.fetchall()


async def payload(conn: Connection, dead_letter: UUID) -> Payload | None:
    async with conn.cursor(row_factory=class_row(Payload)) as cursor:
        await cursor.execute(_SQL["payload"], {"id": dead_letter})
        return await cursor.fetchone()


async def requeue(
    conn: Connection, selection: Selection, *, abandoned_only: bool, now: datetime, at_most: int = REQUEUE_BATCH
) -> list[Requeued]:
    """One batch; call it again with the same `now` until it comes back empty."""
    async with conn.cursor(row_factory=class_row(Requeued)) as cursor:
        await cursor.execute(
            _SQL["requeue"],
            {**selection.parameters(), "abandoned_only": abandoned_only, "now": now, "at_most": at_most},
        )
        return await cursor.fetchall()


async def record_requeue(conn: Connection, *, result: Mapping[str, Any], now: datetime) -> None:
    await conn.execute(_SQL["record_requeue"], {"result": Jsonb(dict(result)), "now": now})


async def last_runs(conn: Connection, *, at_most: int) -> list[JobRun]:
    """At most so many of each job, by name and then newest first."""
    async with conn.cursor(row_factory=class_row(JobRun)) as cursor:
        await cursor.execute(_SQL["last_runs"], {"at_most": at_most})
        return await cursor.fetchall()
