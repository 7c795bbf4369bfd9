"""A row a minute for each service, and the numbers that routers show for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webhookcore.store.database import Connection
from webhookcore.store.statements import load

_SQL = load("service_metrics")


@dataclass(frozen=True, slots=True)
class ServiceWindow:
    """What one router saw of one service in one minute."""

    service: str
    delivered: int
    failed: int
    dead_lettered: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class DeadLetterCounts:
    """Dead letters that wait for a retry and abandoned ones, and how long the oldest is due (0: none is)."""

    waiting: int
    abandoned: int
    oldest_due_seconds: float


async def write(conn: Connection, *, minute: datetime, instance: str, windows: Sequence[ServiceWindow]) -> None:
    await conn.execute(
        _SQL["write"],
        {
            "minute": minute,
            "instance": instance,
            "services": [window.service for window in windows],
            "delivered": [window.delivered for window in windows],
            "failed": [window.failed for window in windows],
            "dead_lettered": [window.dead_lettered for window in windows],
            "p50_ms": [window.p50_ms for window in windows],
            "p95_ms": [window.p95_ms for window in windows],
        },
    )


async def dead_letters(conn: Connection, now: datetime) -> DeadLetterCounts:
    row = await (await conn.execute(_SQL["dead_letters"], {"now": now})).fetchone()
    waiting, abandoned, oldest = row or (0, 0, 0.0)
    return DeadLetterCounts(waiting, abandoned, max(0.0, oldest))


async def last_successes(conn: Connection) -> dict[str, datetime]:
    """When each job last succeeded."""
    cursor = await conn.execute(_SQL["last_successes"])
    return {str(job): at for job, at in await cursor.fetchall()}
