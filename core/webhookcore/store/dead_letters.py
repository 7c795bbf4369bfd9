"""The dead letter queue as a dlq-processor works it off: claim, settle, give back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from webhookcore.delivery.outcome import FailureCode
from webhookcore.store.arrays import Booleans, Texts, Times
from webhookcore.store.database import Connection
from webhookcore.store.due_scan import DueRow, DueScan, Position, look_size
from webhookcore.store.locks import CLAIM, sender_lock
from webhookcore.store.statements import load

_SQL = load("dead_letters")
_LOCKS = load("locks")
_MOST_LOOKS = 4


@dataclass(frozen=True, slots=True)
class ClaimedLetter:
    """A dead letter that its claimer may send: until its lease ends nobody else sends anything of its lane."""

    id: UUID
    route: str
    reason: str
    menu_selection: str | None
    sender: str
    message_id: str | None
    idempotency_key: str
    attempts: int
    """X-WA-Attempt of what is sent next; counted durably."""
    retry_count: int
    received_at: datetime
    correlation_id: str
    request_id: str
    traceparent: str | None
    body: bytes
    taken_over: bool = False
    """Whether a processor that is gone had leased it, and may have had it sent."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a claimed dead letter becomes: delivered, abandoned, or due again at `next_retry_at`."""

    id: UUID
    retry_count: int
    attempts: int
    delivered: bool = False
    abandoned: bool = False
    next_retry_at: datetime | None = None
    error_code: FailureCode | None = None
    """None keeps what the row says."""
    error_message: str | None = None


async def claim_due(
    conn: Connection,
    *,
    owner: UUID,
    batch: int,
    lease_seconds: float,
    now: datetime,
    scan: DueScan | None = None,
    held_off: Collection[UUID] = (),
) -> list[ClaimedLetter]:
    """Leases at most `batch` due rows to `owner`, oldest first, never two of one lane, and counts their attempt.

    Skipped: lanes in which a router delivers or another processor redelivers now, and the rows `held_off`. `scan`
    remembers between the claims of a run where the next one goes on; fewer rows than asked for do not mean that there
    are no more, `scan.exhausted` does.
    """
    scan = scan or DueScan()
    async with conn.transaction():
        chosen: list[DueRow] = []
        lanes: set[tuple[str, str]] = set()
        passes = scan.passes
        for looks in range(_MOST_LOOKS):
            asked = look_size(batch, looks)
            rows = await _look(conn, scan.after, at_most=asked, now=now, lock=looks == 0)
            chosen += scan.choose(rows, room=batch - len(chosen), asked=asked, held_off=held_off, lanes=lanes)
            if len(chosen) == batch or scan.passes != passes:
                break
        if not chosen:
            return []
        return await _claim(conn, chosen, owner=owner, until=now + timedelta(seconds=lease_seconds), now=now)


async def _look(conn: Connection, after: Position, *, at_most: int, now: datetime, lock: bool) -> list[DueRow]:
    values = {
        "now": now,
        "after_due": after.due,
        "after_received": after.received,
        "after_id": after.id,
        "at_most": at_most,
    }
    async with conn.pipeline():
        if lock:
            await conn.execute(_LOCKS["lock_claims"], CLAIM)
        cursor = await conn.execute(_SQL["due"], values, binary=True)
        rows = await cursor.fetchall()
    return [DueRow(Position(due, received, row_id), *rest) for due, received, row_id, *rest in rows]


async def _claim(
    conn: Connection, chosen: Sequence[DueRow], *, owner: UUID, until: datetime, now: datetime
) -> list[ClaimedLetter]:
    """Under the senders' locks: an acceptance of theirs either committed before, and is seen, or sees this lease."""
    order = {row.position.id: place for place, row in enumerate(chosen)}
    senders = {row.sender for row in chosen if row.sender}
    async with conn.pipeline():
        if senders:
            name, values = sender_lock(senders)
            await conn.execute(_LOCKS[name], values)
        cursor = await conn.execute(
            _SQL["claim"], {"ids": list(order), "owner": owner, "lease_until": until, "now": now}, binary=True
        )
        letters = [ClaimedLetter(*values) for values in await cursor.fetchall()]
    letters.sort(key=lambda letter: order[letter.id])
    return letters


async def settle(conn: Connection, *, owner: UUID, settlements: Sequence[Settlement], now: datetime) -> set[UUID]:
    """Writes all in one statement; the ids that were still `owner`'s. The others were taken over and stay so."""
    cursor = await conn.execute(
        _SQL["settle"],
        {
            "owner": owner,
            "now": now,
            "ids": Texts(str(one.id) for one in settlements),
            "delivered": Booleans(one.delivered for one in settlements),
            "abandoned": Booleans(one.abandoned for one in settlements),
            "retry_counts": [one.retry_count for one in settlements],
            "next_retries": Times(one.next_retry_at for one in settlements),
            "attempts": [one.attempts for one in settlements],
            "error_codes": Texts(one.error_code for one in settlements),
            "error_messages": Texts(one.error_message for one in settlements),
        },
        binary=True,
    )
    return {row_id for (row_id,) in await cursor.fetchall()}


async def release(
    conn: Connection, *, owner: UUID, ids: Sequence[UUID], now: datetime, perhaps_sent: Sequence[UUID] = ()
) -> None:
    """Gives leases back uncharged; the rows are due as they were. `perhaps_sent` are marked for the next claim."""
    values = {"owner": owner, "ids": list(ids), "now": now, "perhaps_sent": list(perhaps_sent)}
    await conn.execute(_SQL["release"], values)


async def release_all(conn: Connection, *, owner: UUID, now: datetime, known: Collection[UUID] = ()) -> int:
    """Gives back whatever `owner` still holds, but for the rows `known`; how many that was."""
    cursor = await conn.execute(_SQL["release_all"], {"owner": owner, "now": now, "known": list(known)})
    return cursor.rowcount


async def free_expired(conn: Connection, *, now: datetime) -> int:
    """Makes the rows of processors that died due again; a run calls it first and then now and then."""
    cursor = await conn.execute(_SQL["free_expired"], {"now": now})
    return cursor.rowcount


async def due_count(conn: Connection, *, now: datetime) -> int:
    """How many rows could be claimed, lanes aside."""
    row = await (await conn.execute(_SQL["due_count"], {"now": now})).fetchone()
    return int(row[0]) if row else 0
