"""Claims what waits in the inbox: rows of dead routers, of lanes that became free, of windows that were full."""

import asyncio
import logging
import time
from datetime import timedelta
from uuid import UUID

from webhookcore.delivery.outcome import Failed, FailureCode
from webhookcore.store import inbox
from webhookcore.store.database import UNAVAILABLE, Connection, Database
from webhookcore_router.breakers import Breakers
from webhookcore_router.committer import Committer
from webhookcore_router.dispatcher import Dispatcher
from webhookcore_router.lease import Lease
from webhookcore_router.limits import Limits
from webhookcore_router.routes import Routes
from webhookcore_router.settler import Settler

_log = logging.getLogger(__name__)
_UPKEEP_SECONDS = 5.0
_BURIED_AT_ONCE = 100
_GONE_MINUTES = 1
"""While a new configuration rolls out, a route that an old router does not know may be a new one's."""


class Claimer:
    """Looks every `claim_interval`, at once when a window has room again."""

    def __init__(
        self,
        database: Database,
        *,
        lease: Lease,
        committer: Committer,
        dispatcher: Dispatcher,
        settler: Settler,
        breakers: Breakers,
        routes: Routes,
        limits: Limits,
    ) -> None:
        self._database = database
        self._lease = lease
        self._committer = committer
        self._dispatcher = dispatcher
        self._settler = settler
        self._breakers = breakers
        self._routes = routes
        self._limits = limits
        self._next_upkeep = 0.0

    async def run(self) -> None:
        """Claims until cancelled."""
        wanted = self._dispatcher.room_wanted
        while True:
            try:
                async with asyncio.timeout(self._limits.flush_seconds), self._database.connection() as conn:
                    await self._look(conn)
            except UNAVAILABLE as error:
                _log.warning("claiming waits for the database: %s", error or type(error).__name__)
                await asyncio.sleep(self._limits.claim_interval * 5)
            try:
                async with asyncio.timeout(self._limits.claim_interval):
                    await wanted.wait()
                    wanted.clear()
            except TimeoutError:
                continue

    async def _look(self, conn: Connection) -> None:
        await self._claim(conn)
        await self._probe(conn)
        if time.monotonic() >= self._next_upkeep:
            self._next_upkeep = time.monotonic() + _UPKEEP_SECONDS
            await self._expire(conn)
            await self._route_gone(conn)
        # Last: it reads all of the inbox, and one that is too large for that in time must be able to shrink.
        await self._lease.give_back_retired(conn, self._in_use)

    def _in_use(self, me: UUID) -> bool:
        return self._dispatcher.delivers_as(me) or self._settler.settles_as(me)

    async def _claim(self, conn: Connection) -> None:
        """What was found says that there may be more: looks again at once."""
        rooms = self._dispatcher.rooms_to_refill()
        if not rooms:
            return
        me, generations = await self._lease.certain(conn), self._dispatcher.generations()
        with self._dispatcher.collecting(), self._lease.at_stake():
            rows = await inbox.claim(conn, me=me, rooms=rooms, now=self._database.now())
            if rows:
                await self._committer.handed_over()
                self._dispatcher.add(me, rows, generations)
                self._dispatcher.room_wanted.set()

    async def _probe(self, conn: Connection) -> None:
        """One row of a route whose breaker's wait is over: the next delivery is the probe. None under a pause."""
        for route in self._breakers.due(self._database.now()):
            if self._routes.paused(route) or self._dispatcher.draining:
                continue
            me = await self._lease.certain(conn)
            with self._lease.at_stake():
                row = await self._breakers.claim_probe(conn, route, me)
            if row is not None:
                self._dispatcher.probe(me, row)

    async def _expire(self, conn: Connection) -> None:
        """Parked events past their route's `maxAgeMinutes` become dead letters, uncharged."""
        for route in self._routes.all():
            if route.paused or self._breakers.is_open(route.name):
                why = "paused" if route.paused else "its breaker is open"
                detail = f"waited longer than {route.max_age_minutes} minutes while the route was held: {why}"
                await self._bury(conn, route.name, Failed(FailureCode.EXPIRED, detail), route.max_age_minutes)

    async def _route_gone(self, conn: Connection) -> None:
        """Rows of routes that the configuration no longer names: the dlq-processor decides them anew."""
        known = [route.name for route in self._routes.all()]
        for name in await inbox.forgotten_routes(conn, known):
            outcome = Failed(FailureCode.ROUTE_GONE, "the configuration no longer names this route")
            await self._bury(conn, name, outcome, _GONE_MINUTES)

    async def _bury(self, conn: Connection, route: str, outcome: Failed, minutes: int) -> None:
        buried = _BURIED_AT_ONCE
        while buried == _BURIED_AT_ONCE:
            cutoff = self._database.now() - timedelta(minutes=minutes)
            async with conn.transaction():
                rows = await inbox.expired(conn, route=route, cutoff=cutoff, most=_BURIED_AT_ONCE)
                if rows:
                    await self._settler.bury(conn, rows, outcome)
            buried = len(rows)
