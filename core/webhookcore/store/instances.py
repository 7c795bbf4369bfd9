"""The routers' leases: one row a router; it covers every inbox row that the router owns."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from webhookcore.store.database import Connection
from webhookcore.store.locks import REAP
from webhookcore.store.statements import load

_SQL = load("instances")


async def register(conn: Connection, *, me: UUID, host: str, now: datetime, lease_until: datetime) -> None:
    await conn.execute(_SQL["register"], {"id": me, "host": host, "now": now, "lease_until": lease_until})


async def renew(conn: Connection, *, ids: Sequence[UUID], lease_until: datetime) -> set[UUID]:
    """Those renewed. The others ran out and were taken back: whatever they owned may be another's now."""
    cursor = await conn.execute(_SQL["renew"], {"ids": list(ids), "lease_until": lease_until})
    return {instance for (instance,) in await cursor.fetchall()}


async def reap(conn: Connection, *, now: datetime) -> int:
    """Takes back the leases that ran out and frees their rows; the number of rows freed. One router at a time does."""
    async with conn.transaction():
        cursor = await conn.execute(_SQL["try_lock_reaper"], REAP)
        row = await cursor.fetchone()
        if row is None or not row[0]:
            return 0
        cursor = await conn.execute(_SQL["expired"], {"now": now})
        dead = [instance for (instance,) in await cursor.fetchall()]
        return await _free(conn, dead, may_have_sent=True) if dead else 0


async def unregister(conn: Connection, *, me: UUID, may_have_sent: bool) -> int | None:
    """Gives the lease back and every row with it; the number of rows. Whatever makes `me` the owner of rows later owns
    nothing; None while such a transaction is under way: try again. `may_have_sent`: whether one of those rows may have
    been sent.
    """
    async with conn.transaction():
        cursor = await conn.execute(_SQL["unregister"], {"id": me})
        return await _free(conn, [me], may_have_sent=may_have_sent) if cursor.rowcount else None


async def _free(conn: Connection, instances: list[UUID], *, may_have_sent: bool) -> int:
    cursor = await conn.execute(_SQL["free"], {"ids": instances, "may_have_sent": may_have_sent})
    return cursor.rowcount
