"""Connections to Postgres, and the database's clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from webhookcore.store.arrays import register
from webhookcore.store.url import checked

Connection = AsyncConnection[tuple[Any, ...]]

UNAVAILABLE: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,  # a transaction that Postgres ended, a server that is a read-only standby by now
    PoolTimeout,
    TimeoutError,
    OSError,
)
"""What says that the database is away, full or out of connections: the same call may work later."""

REFUSED: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError, psycopg.ProgrammingError)
"""What Postgres refuses for what it holds: the same call fails again."""


def refusal(error: psycopg.Error) -> str:
    """One of REFUSED for a log. Its own message may quote the row, with a phone number or what somebody wrote."""
    names = (error.sqlstate, error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
    return " ".join([type(error).__name__, *(name for name in names if name)])


_CONNECT: Final[dict[str, Any]] = {
    # A black hole must be noticed in seconds: nobody resets the connection.
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}
_CLOCK_REFRESH_SECONDS: Final = 60
_SESSION: Final = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
       set_config('jit', 'off', false), set_config('idle_in_transaction_session_timeout', '10s', false),
       set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false)
"""
"""A prepared plan lives as long as its connection. One made while a table was small would scan it for ever after, so
plans must not depend on when statistics were gathered: where there is an index, it is used. And a process that is
stopped, or behind a network that swallows everything, must not hold its locks until somebody notices."""


class Clock:
    """The database's time, told from this process's monotonic clock and an offset measured against the database."""

    def __init__(self) -> None:
        self._offset: float | None = None  # database's unix time - time.monotonic()

    def now(self) -> datetime:
        """The database's time (UTC); before the first measurement, this machine's."""
        if self._offset is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(time.monotonic() + self._offset, UTC)

    async def measure(self, conn: Connection) -> None:
        """Takes the database's clock; half the round trip is the error."""
        before = time.monotonic()
        cursor = await conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        row = await cursor.fetchone()
        if row is not None:
            self._offset = float(row[0]) - (before + time.monotonic()) / 2


class Database:
    """A pool of autocommit connections. `connection()` waits at most `wait_seconds` for one (PoolTimeout)."""

    def __init__(self, url: str, *, size: int = 8, application: str = "webhookcore", wait_seconds: float = 3.0) -> None:
        """Raises UrlError."""
        self.clock = Clock()
        self._measured_at = 0.0
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            checked(url),  # the pool would log libpq's words again and again, which quote what it cannot read
            kwargs={"autocommit": True, "application_name": application, **_CONNECT},
            min_size=1,
            max_size=size,
            open=False,
            timeout=wait_seconds,
            configure=self._configure,
            # The pool tries again ever more seldom until this is over, and from the start when somebody asks: so that
            # a database that is back is noticed within about a second.
            reconnect_timeout=2.0,
            max_lifetime=1800.0,
        )

    async def _configure(self, conn: Connection) -> None:
        conn.prepare_threshold = 0
        conn.prepared_max = 200
        register(conn)
        await conn.execute(_SESSION)
        await self.clock.measure(conn)
        self._measured_at = time.monotonic()

    def now(self) -> datetime:
        return self.clock.now()

    async def open(self) -> None:
        """Starts connecting in the background; does not wait for the first connection."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=5)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, broken ones replaced. Refreshes the clock once a minute."""
        async with self._pool.connection() as conn:
            if time.monotonic() - self._measured_at > _CLOCK_REFRESH_SECONDS:
                self._measured_at = time.monotonic()
                await self.clock.measure(conn)
            yield conn

    async def check(self, seconds: float = 2.0) -> float:
        """Milliseconds of a round trip. Raises one of UNAVAILABLE when there is no answer in time."""
        started = time.monotonic()
        async with asyncio.timeout(seconds), self.connection() as conn:
            await conn.execute("SELECT 1")
        return (time.monotonic() - started) * 1000
