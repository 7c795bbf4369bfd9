"""A router: its parts put together, started, watched over and drained."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

from webhookcore.events import EventLog, Pseudonyms
from webhookcore.metrics import RouterMetrics
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import Settings
from webhookcore.store.database import REFUSED, UNAVAILABLE, Database, refusal
from webhookcore.store.schema import schema_state
from webhookcore_router.breakers import Breakers
from webhookcore_router.claimer import Claimer
from webhookcore_router.client import build_client
from webhookcore_router.committer import Committer
from webhookcore_router.dispatcher import Dispatcher
from webhookcore_router.home_menu import HomeMenu
from webhookcore_router.lanes import Lanes
from webhookcore_router.lease import Lease
from webhookcore_router.limits import Limits
from webhookcore_router.outgoing import RouteTarget, Target
from webhookcore_router.planning import Policy
from webhookcore_router.reports import Reports
from webhookcore_router.routes import Routes
from webhookcore_router.sender import Sender
from webhookcore_router.settler import Settler
from webhookcore_router.targets import Change, Targets
from webhookcore_router.upkeep import Upkeep

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_PROBE_MARGIN_SECONDS = 5.0


class Router:
    """Everything between the listeners and the database. `start` returns when it is ready; `drain` when it is empty."""

    def __init__(
        self, settings: Settings, limits: Limits, own_ports: tuple[int, ...], *, on_failure: Callable[[], None]
    ) -> None:
        """`on_failure` is called when a part ended by a defect: the process must not go on half."""
        spec, secrets = settings.spec, settings.secrets
        if settings.database_url is None:
            raise ValueError("a router needs a database URL")
        self._timeout = spec.router.timeout_ms / 1000
        self.limits = limits = limits.covering(self._timeout)
        self.status = "starting"
        self.accepting = False
        self.draining = False
        table = RoutingTable.from_spec(spec)
        self.routes = Routes(spec, table)
        self.database = Database(settings.database_url, size=spec.database.pool_size, application="webhookcore-router")
        self.reports = Reports(EventLog(Pseudonyms(secrets.internal_secret), buffered=True), RouterMetrics())
        self.settler = Settler(self.database, self.reports, spec.dlq.backoff_minutes)
        self.lease = Lease(self.database, limits, on_lost=self._forget, on_retired=self._give_back)
        self.breakers = Breakers(
            self.database,
            [route.name for route in self.routes.all()],
            probe_seconds=self._timeout + _PROBE_MARGIN_SECONDS,
            on_open=self._hold,
            on_close=self._let_go,
        )
        targets = _targets(settings)
        self.targets = Targets(_urls(settings), own_ports)
        self._client = build_client(
            timeout_ms=spec.router.timeout_ms,
            most_connections_per_host=max((route.concurrency for route in self.routes.all()), default=1),
        )
        sender = Sender(
            self._client, may_start=self.lease.outlives, refusal=self.targets.refusal, now=self.database.now
        )
        self.dispatcher = Dispatcher(
            {
                route.name: Lanes(
                    concurrency=route.concurrency, window_rows=limits.window_rows, window_bytes=limits.window_bytes
                )
                for route in self.routes.all()
            },
            targets,
            sender=sender,
            settler=self.settler,
            lease=self.lease,
            breakers=self.breakers,
            reports=self.reports,
            timeout_seconds=self._timeout,
        )
        policy = Policy(table, spec.router.rate_limit.messages_per_minute, spec.router.rate_limit.on_exceed)
        self.committer = Committer(self.database, self.lease, self.dispatcher, policy, limits)
        self._claimer = Claimer(
            self.database,
            lease=self.lease,
            committer=self.committer,
            dispatcher=self.dispatcher,
            settler=self.settler,
            breakers=self.breakers,
            routes=self.routes,
            limits=limits,
        )
        self._upkeep = Upkeep(
            self.database,
            reports=self.reports,
            dispatcher=self.dispatcher,
            committer=self.committer,
            breakers=self.breakers,
            slo=spec.router.slo,
        )
        self._flushers: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.failed = False
        self._on_failure = on_failure

    def now(self) -> datetime:
        """The database's time."""
        return self.database.now()

    def _forget(self) -> None:
        self.dispatcher.forget()

    def _give_back(self, me: UUID) -> None:
        self.dispatcher.give_back(me)

    def _hold(self, name: str) -> None:
        self.dispatcher.block(name)

    def _let_go(self, name: str) -> None:
        if not self.routes.paused(name) and not self.draining:
            self.dispatcher.unblock(name)

    async def start(self, cold_start_seconds: Callable[[], float]) -> None:
        """Waits for the database and its schema, then accepts. `cold_start_seconds()` is asked once, when ready."""
        await self.database.open()
        for route in self.routes.all():
            if route.paused:
                self.dispatcher.block(route.name)
        checking = asyncio.create_task(self.targets.check())
        while not await self._join():  # noqa: ASYNC110 - it is the database that is asked, not a flag
            await asyncio.sleep(_RETRY_SECONDS)
        for change in await checking:
            self._retarget(change)
        self._flushers = [self._spawn(self.committer.run(), "flusher") for _ in range(self.limits.flushers)]
        parts = {
            "settler": self.settler.run(),
            "heartbeat": self.lease.keep(),
            "breakers": self.breakers.run(),
            "claimer": self._claimer.run(),
            "targets": self.targets.watch(self._retarget),
            "upkeep": self._upkeep.run(),
        }
        self._tasks = [self._spawn(part, name) for name, part in parts.items()]
        self.accepting = True
        self.status = "ready"
        self._upkeep.cold_start(cold_start_seconds())

    async def _join(self) -> bool:
        """One try to find the database fit and to get a lease."""
        try:
            async with asyncio.timeout(self.limits.flush_seconds), self.database.connection() as conn:
                state = await schema_state(conn)
                if not state.usable:
                    self._wait(f"the schema does not fit: {state.problem}")
                    return False
                if state.problem:
                    _log.warning("the schema is %s", state.problem)
                await self.breakers.exchange(conn)
            await self.lease.acquire()
        except UNAVAILABLE as error:
            self._wait(f"the database does not answer: {error or type(error).__name__}")
            return False
        return True

    def _wait(self, status: str) -> None:
        if status != self.status:
            _log.warning("not ready, trying again every second: %s", status)
        self.status = status

    def _retarget(self, change: Change) -> None:
        if change.refusal:
            _log.error("nothing is sent to %s: its address %s", change.route, change.refusal)
        else:
            _log.warning("%s may be sent to again", change.route)

    def _spawn(self, part: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("the router's %s ended by a defect", task.get_name(), exc_info=error)
            self.failed = True
            self._on_failure()

    async def drain(self) -> None:
        """Nothing new is accepted: ends what is under way, settles it, gives everything else back."""
        self.draining = True
        self.dispatcher.block_all()
        await self.dispatcher.idle(self._timeout + 1)
        try:
            async with asyncio.timeout(self.limits.flush_seconds):
                await self.settler.idle()
                await self._stop_tasks()
                await self.lease.give_back()
                await self._upkeep.finish()
        except UNAVAILABLE as error:
            _log.warning("what a drain writes last is not written: %s", error or type(error).__name__)
        except REFUSED as error:  # as Upkeep.run
            _log.error("what a drain writes last is not written: %s", refusal(error))
        await self._stop_tasks()
        await self._client.close()
        await self.database.close()
        self.reports.log.flush()

    async def _stop_tasks(self) -> None:
        tasks = [*self._flushers, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _targets(settings: Settings) -> dict[str, Target]:
    spec, secrets = settings.spec, settings.secrets
    targets: dict[str, Target] = {
        route.name: RouteTarget.of(route, secrets.routes.get(route.name)) for route in spec.routes
    }
    if not spec.home.route:
        targets[HOME_SERVICE] = HomeMenu.of(spec, secrets.access_token or "")
    return targets


def _urls(settings: Settings) -> dict[str, str]:
    spec = settings.spec
    urls = {route.name: route.target_url for route in spec.routes}
    if not spec.home.route:
        urls[HOME_SERVICE] = spec.whatsapp.graph_api_url
    return urls
