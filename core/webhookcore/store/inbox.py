"""The inbox after acceptance: claimed, delivered, dead-lettered, given back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Rollback

from webhookcore.delivery.breaker import BreakerState
from webhookcore.store import breakers
from webhookcore.store.database import Connection
from webhookcore.store.locks import CLAIM
from webhookcore.store.rows import DeadLetter, Row
from webhookcore.store.statements import load

_SQL = load("inbox")


@dataclass(frozen=True, slots=True)
class Room:
    """What may be claimed of one route: at most so many rows, and so many bytes of bodies, the last row's end apart."""

    rows: int
    bytes: int


_ONE = Room(1, 1)
_LOCKS = load("locks")


async def claim(
    conn: Connection, *, me: UUID, rooms: Mapping[str, Room], now: datetime, past_mine: bool = True
) -> list[Row]:
    """Takes waiting rows of these routes over, at most as many as there is room for; in the order of each lane.

    A lane in which `me` owns something goes on, as that is delivered first; not where `past_mine` is False.
    Empty also when another claimer is at work: come again.
    """
    async with conn.transaction():
        if not await _lock_claims(conn):
            return []
        values = {
            "me": me,
            "routes": list(rooms),
            "rows": [room.rows for room in rooms.values()],
            "bytes": [room.bytes for room in rooms.values()],
            "now": now,
            "past_mine": past_mine,
        }
        cursor = await conn.execute(_SQL["claim"], values, binary=True)
        rows = [Row(*values) for values in await cursor.fetchall()]
    rows.sort(key=lambda row: row.id)
    return rows


async def claim_probe(conn: Connection, *, me: UUID, route: str, state: BreakerState, now: datetime) -> Row | None:
    """Takes one waiting row of a route over and writes its breaker's `state` (half open, owned): both or neither. Its
    delivery starts at once, so that it is none of a lane in which something is still being delivered.
    """
    async with conn.transaction() as transaction:
        rows = await claim(conn, me=me, rooms={route: _ONE}, now=now, past_mine=False)
        if rows and await breakers.take_probe(conn, service=route, state=state, now=now):
            return rows[0]
        raise Rollback(transaction)
    return None


async def _lock_claims(conn: Connection) -> bool:
    cursor = await conn.execute(_LOCKS["try_lock_claims"], CLAIM)
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def delivered(conn: Connection, *, me: UUID, ids: Sequence[int]) -> int:
    """Removes what was delivered. Fewer than given: the others were taken over."""
    cursor = await conn.execute(_SQL["delivered"], {"me": me, "ids": list(ids)})
    return cursor.rowcount


async def dead_letter(conn: Connection, *, me: UUID | None, letters: Sequence[DeadLetter], now: datetime) -> set[int]:
    """Moves rows to the dead letter queue, and says which: the others were taken over."""
    cursor = await conn.execute(
        _SQL["dead_letter"],
        {
            "me": me,
            "now": now,
            "ids": [letter.row.id for letter in letters],
            "attempts": [letter.attempts for letter in letters],
            "payloads": [letter.payload for letter in letters],
            "codes": [letter.code for letter in letters],
            "messages": [letter.message for letter in letters],
            "next_retries": [letter.next_retry_at for letter in letters],
            "abandoned": [letter.abandoned for letter in letters],
        },
    )
    return {row_id for (row_id,) in await cursor.fetchall()}


async def release(conn: Connection, *, me: UUID, ids: Iterable[int]) -> None:
    """Gives rows back unsent; whoever has room claims them."""
    await conn.execute(_SQL["release"], {"me": me, "ids": list(ids)})


async def expired(conn: Connection, *, route: str, cutoff: datetime, most: int) -> list[Row]:
    """Waiting rows of a route that were due before `cutoff`, locked until the caller's transaction ends."""
    cursor = await conn.execute(_SQL["expired"], {"route": route, "cutoff": cutoff, "most": most}, binary=True)
    return [Row(*values) for values in await cursor.fetchall()]


async def forgotten_routes(conn: Connection, known: Sequence[str]) -> list[str]:
    """Routes with waiting rows that the configuration no longer names."""
    cursor = await conn.execute(_SQL["forgotten_routes"], {"known": list(known)})
    return [route for (route,) in await cursor.fetchall()]


async def depth(conn: Connection, now: datetime) -> tuple[int, float]:
    """How many events are in the inbox, and the age of the oldest in seconds (0 when empty)."""
    cursor = await conn.execute(_SQL["depth"], {"now": now})
    row = await cursor.fetchone()
    return (int(row[0]), float(row[1] or 0.0)) if row else (0, 0.0)
