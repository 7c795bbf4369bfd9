"""Keeping: what a flush reads under its senders' locks, and the one statement that writes it all."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.errors import DeadlockDetected, SerializationFailure

from webhookcore.store.database import Connection
from webhookcore.store.locks import sender_lock
from webhookcore.store.rows import NewRow
from webhookcore.store.statements import load

TRY_AGAIN = (DeadlockDetected, SerializationFailure)
"""Postgres chose this transaction as a victim: the same flush may go through at once."""

_SQL = load("inbox")
_LOCKS = load("locks")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A sender's session and rate limit."""

    active_service: str | None
    last_interaction: datetime | None
    rate_tat: datetime | None


@dataclass(slots=True)
class State:
    """What is known of a flush's events before it is decided."""

    seen: dict[bytes, tuple[str | None, str]] = field(default_factory=dict)
    """dedupe key → (route, reason) of the first decision"""
    sessions: dict[str, SessionRow] = field(default_factory=dict)
    foreign: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    """(sender, route) in which something waits that this router does not hold → the latest time it is due"""


@dataclass(slots=True)
class Kept:
    """What a flush wrote."""

    ids: list[int]
    inserted: set[bytes] | None
    """The dedupe keys that were written, or None when all were."""
    lease_stands: bool


@asynccontextmanager
async def flush(conn: Connection) -> AsyncIterator[None]:
    """One pipelined transaction; durable when it ends without an error. Two round trips: read, then keep and commit."""
    async with conn.pipeline(), conn.transaction():
        yield


async def read_state(
    conn: Connection, *, me: UUID, locked: set[str], keys: Sequence[bytes], senders: Sequence[str], now: datetime
) -> State:
    """Inside `flush`: locks the senders, then reads dedupe keys, sessions and foreign lanes; one round trip.

    `locked` are all whose lanes the flush may write to, `senders` those whose sessions are read.
    """
    state = State()
    if locked:
        name, values = sender_lock(locked)
        await conn.execute(_LOCKS[name], values)
    seen = await conn.execute(_SQL["seen"], {"keys": keys}, binary=True)
    sessions = await conn.execute(_SQL["sessions"], {"senders": senders}, binary=True) if senders else None
    lanes = None
    if locked:
        values = {"senders": list(locked), "me": me, "now": now}
        lanes = await conn.execute(_SQL["foreign_lanes"], values, binary=True)
    for key, route, reason in await seen.fetchall():
        state.seen[bytes(key)] = (route, reason)
    if sessions is not None:
        for sender, service, last, tat in await sessions.fetchall():
            state.sessions[sender] = SessionRow(service, last, tat)
    if lanes is not None:
        for sender, route, due_at in await lanes.fetchall():
            known = state.foreign.get((sender, route))
            state.foreign[sender, route] = max(filter(None, (known, due_at)), default=None)
    return state


async def keep(
    conn: Connection,
    *,
    me: UUID,
    now: datetime,
    rows: Sequence[NewRow],
    keys: Sequence[tuple[bytes, str | None, str]],
    sessions: dict[str, SessionRow],
) -> AsyncCursor[tuple[Any, ...]]:
    """Inside `flush`: writes rows, dedupe keys (key, route, reason) and sessions. `kept` reads the answer after it."""
    key_columns = _columns(keys, 3)
    return await conn.execute(
        _SQL["keep"],
        {
            "me": me,
            "now": now,
            "keys": key_columns[0],
            "key_routes": key_columns[1],
            "key_reasons": key_columns[2],
            "event_keys": [row.dedupe_key for row in rows],
            "senders": [row.sender for row in rows],
            "routes": [row.route for row in rows],
            "owned": [row.owned for row in rows],
            "received_at": [row.received_at for row in rows],
            "due_at": [row.due_at for row in rows],
            "message_ids": [row.message_id for row in rows],
            "idempotency_keys": [row.idempotency_key for row in rows],
            "reasons": [row.reason for row in rows],
            "menu_selections": [row.menu_selection for row in rows],
            "correlation_ids": [row.correlation_id for row in rows],
            "request_ids": [row.request_id for row in rows],
            "traceparents": [row.traceparent for row in rows],
            "bodies": [row.body for row in rows],
            "session_senders": list(sessions),
            "session_services": [session.active_service for session in sessions.values()],
            "session_tats": [session.rate_tat for session in sessions.values()],
        },
        binary=True,
    )


async def kept(answer: AsyncCursor[tuple[Any, ...]]) -> Kept:
    """What `keep` wrote; to be asked after `flush` ended."""
    row = await answer.fetchone()
    if row is None:
        raise RuntimeError("the statement `keep` returned no row")
    ids, inserted, lease_stands = row
    return Kept(list(ids or ()), None if inserted is None else {bytes(key) for key in inserted}, lease_stands)


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
