"""This router's lease: its identity for everything it owns, renewed by heartbeat, judged by the monotonic clock."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from webhookcore.store import instances
from webhookcore.store.database import REFUSED, UNAVAILABLE, Connection, Database
from webhookcore.store.ingest import TRY_AGAIN
from webhookcore_router.limits import Limits

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 0.5


class Lease:
    """`me` owns rows. It changes when the lease was lost (what the old one owned is no longer ours), and after a doubt:
    a transaction that wrote it into rows may or may not have gone through. Then the old one is kept up until all that
    it is known to own is settled, and given back with what nobody knew of: no lane is overtaken meanwhile.
    """

    def __init__(
        self, database: Database, limits: Limits, *, on_lost: Callable[[], None], on_retired: Callable[[UUID], None]
    ) -> None:
        """`on_lost()`: forget what waits. `on_retired(old)`: give back what waits."""
        self.me: UUID = uuid4()
        self._database = database
        self._limits = limits
        self._on_lost = on_lost
        self._on_retired = on_retired
        self._until = 0.0  # monotonic
        self._reaps_from = 0.0  # monotonic
        self._doubted = False
        self._retired: set[UUID] = set()
        self._changing = asyncio.Lock()

    def now(self) -> datetime:
        """The database's time."""
        return self._database.now()

    def outlives(self, deadline: float) -> bool:
        """Whether a send that may last until `deadline` (monotonic) may start."""
        return deadline < self._until

    def sure_of(self, me: UUID) -> bool:
        """Whether `me` is the identity, and all that it owns is known."""
        return me == self.me and not self._doubted

    def doubt(self) -> None:
        """`me` may own rows that memory does not know."""
        self._doubted = True

    @contextmanager
    def at_stake(self) -> Iterator[None]:
        """Around what makes `me` the owner of rows: where that fails, nobody may know whether it went through."""
        try:
            yield
        except (*REFUSED, *TRY_AGAIN):
            raise  # rolled back
        except BaseException:
            self.doubt()
            raise

    async def certain(self, conn: Connection) -> UUID:
        """`me` for a transaction that makes it the owner of rows; a new one after a doubt."""
        if self._doubted:
            async with self._changing:
                if self._doubted:
                    old = self.me
                    await self._register(conn)
                    self._doubted = False
                    self._retired.add(old)
                    self._on_retired(old)
        return self.me

    async def acquire(self) -> None:
        """Registers under a new identity. Raises what UNAVAILABLE names."""
        async with self._database.connection() as conn:
            await self._register(conn)

    async def _register(self, conn: Connection) -> None:
        me = uuid4()
        started = time.monotonic()
        now = self._database.now()
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
        if started >= self._until:
            # After an outage of the database every lease has run out, and everybody comes back within moments.
            self._reaps_from = started + self._limits.lease_seconds / 2
        now = self._database.now()
        until = now + timedelta(seconds=self._limits.lease_seconds)
        async with self._changing, self._database.connection() as conn:
            ids = [self.me, *self._retired]
            renewed = await instances.renew(conn, ids=ids, lease_until=until)
            self._retired &= renewed
            if self.me in renewed:
                self._until = started + self._limits.lease_seconds
            else:
                _log.warning("the lease ran out; what it covered is left to whoever took it over")
                self._until = 0.0  # nothing starts while there is none
                await self._register(conn)
                self._on_lost()  # also of what came in meanwhile
                self._doubted = False
            if started >= self._reaps_from:
                await instances.reap(conn, now=now)

    async def give_back_retired(self, conn: Connection, in_use: Callable[[UUID], bool]) -> None:
        """Gives identities of before a doubt back, each once nothing that is known to be its is `in_use`."""
        for old in [old for old in self._retired if not in_use(old)]:
            freed = await instances.unregister(conn, me=old, may_have_sent=False)
            if freed is not None:
                self._retired.discard(old)
            if freed:
                _log.warning("%d events were kept or claimed by a transaction that seemed to fail; taken up now", freed)

    async def give_back(self) -> None:
        """Frees every row that this router still owns."""
        if not self._until:
            return  # it never had one; there may be no table either
        self._until = 0.0
        async with self._database.connection() as conn:
            for me in (self.me, *self._retired):
                await instances.unregister(conn, me=me, may_have_sent=True)
