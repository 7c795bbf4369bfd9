"""This router's lease: its identity for everything it owns, renewed by heartbeat, judged by the monotonic clock."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from webhookcore.store import instances
from webhookcore.store.database import UNAVAILABLE, Database
from webhookcore_router.limits import Limits

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 0.5


class Lease:
    """`me` changes when the lease was lost: what the old identity owned is no longer ours."""

    def __init__(self, database: Database, limits: Limits, on_lost: Callable[[], None]) -> None:
        self.me: UUID = uuid4()
        self._database = database
        self._limits = limits
        self._on_lost = on_lost
        self._until = 0.0  # monotonic
        self._reaps_from = 0.0  # monotonic

    def now(self) -> datetime:
        """The database's time."""
        return self._database.now()

    def outlives(self, deadline: float) -> bool:
        """Whether a send that may last until `deadline` (monotonic) may start."""
        return deadline < self._until

    async def acquire(self) -> None:
        """Registers under a new identity. Raises what UNAVAILABLE names."""
        me = uuid4()
        started = time.monotonic()
        now = self._database.now()
        async with self._database.connection() as conn:
            until = now + timedelta(seconds=self._limits.lease_seconds)
            await instances.register(conn, me=me, host=socket.gethostname(), now=now, lease_until=until)
        self.me = me
        self._until = started + self._limits.lease_seconds

    async def keep(self) -> None:
        """Renews the lease until cancelled; a lost one is replaced, after `on_lost` forgot what it covered."""
        seconds = self._limits.heartbeat_seconds
        while True:
            await asyncio.sleep(seconds)
            try:
                async with asyncio.timeout(self._limits.heartbeat_seconds):
                    await self._beat()
                seconds = self._limits.heartbeat_seconds
            except UNAVAILABLE as error:
                _log.warning("heartbeat failed, trying again: %s", error or type(error).__name__)
                seconds = min(_RETRY_SECONDS, seconds)

    async def _beat(self) -> None:
        started = time.monotonic()
        now = self._database.now()
        until = now + timedelta(seconds=self._limits.lease_seconds)
        if started >= self._until:
            # After an outage of the database every lease has run out, and everybody comes back within moments.
            self._reaps_from = started + self._limits.lease_seconds / 2
        async with self._database.connection() as conn:
            if await instances.renew(conn, me=self.me, lease_until=until):
                self._until = started + self._limits.lease_seconds
            else:
                _log.warning("the lease ran out; what it covered is left to whoever took it over")
                self._until = 0.0
                self._on_lost()
                await self.acquire()
            if started >= self._reaps_from:
                await instances.reap(conn, now=now)

    async def give_back(self) -> None:
        """Frees every row that this router still owns."""
        self._until = 0.0
        async with self._database.connection() as conn:
            await instances.unregister(conn, me=self.me)
