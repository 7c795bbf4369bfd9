"""Keeping: what a flush reads under its senders' locks, and the one statement that writes it all."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor, AsyncPipeline
from psycopg.errors import DeadlockDetected, SerializationFailure

from webhookcore.store.arrays import Blobs, Booleans, Texts, Times
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
async def flush(conn: Connection) -> AsyncIterator[AsyncPipeline]:
    """One pipelined transaction; durable when it ends without an error. Two round trips: read, then keep and commit."""
    try:
        async with conn.pipeline() as pipeline:
            await conn.execute("BEGIN")
            yield pipeline
            await conn.execute("COMMIT")
    except BaseException:
        if not conn.closed:
            await conn.rollback()
        raise


async def read_state(
    conn: Connection,
    pipeline: AsyncPipeline,
    *,
    me: UUID,
    locked: set[str],
    keys: Sequence[bytes],
    senders: Sequence[str],
    now: datetime,
) -> State:
    """Inside `flush`: locks the senders, then reads dedupe keys, sessions and foreign lanes; one round trip.

    `locked` are all whose lanes the flush may write to, `senders` those whose sessions are read.
    """
    state = State()
    if locked:
        name, values = sender_lock(locked)
        await conn.execute(_LOCKS[name], values)
    seen = await conn.execute(_SQL["seen"], {"keys": Blobs(keys)}, binary=True)
    sessions = await conn.execute(_SQL["sessions"], {"senders": Texts(senders)}, binary=True) if senders else None
    lanes = None
    if locked:
        values = {"senders": Texts(locked), "me": me, "now": now}
        lanes = await conn.execute(_SQL["foreign_lanes"], values, binary=True)
    # Not only flushed: after a sync Postgres limits how long it waits for the rest of the transaction.
    await pipeline.sync()
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
    return await conn.execute(
        _SQL["keep"],
        {
            "me": me,
            "now": now,
            "keys": Blobs([key for key, _, _ in keys]),
            "key_routes": Texts([route for _, route, _ in keys]),
            "key_reasons": Texts([reason for _, _, reason in keys]),
            "event_keys": Blobs([row.dedupe_key for row in rows]),
            "senders": Texts([row.sender for row in rows]),
            "routes": Texts([row.route for row in rows]),
            "owned": Booleans([row.owned for row in rows]),
            "received_at": Times([row.received_at for row in rows]),
            "due_at": Times([row.due_at for row in rows]),
            "message_ids": Texts([row.message_id for row in rows]),
            "idempotency_keys": Texts([row.idempotency_key for row in rows]),
            "reasons": Texts([row.reason for row in rows]),
            "menu_selections": Texts([row.menu_selection for row in rows]),
            "correlation_ids": Texts([row.correlation_id for row in rows]),
            "request_ids": Texts([row.request_id for row in rows]),
            "traceparents": Texts([row.traceparent for row in rows]),
            "bodies": Blobs([row.body for row in rows]),
            "session_senders": Texts(sessions),
            "session_services": Texts([session.active_service for session in sessions.values()]),
            "session_tats": Times([session.rate_tat for session in sessions.values()]),
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
