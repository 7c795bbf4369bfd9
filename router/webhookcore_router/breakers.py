"""The circuit breakers of this router: what it sees of each service, and the state that all routers share."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from webhookcore.delivery import breaker
from webhookcore.delivery.breaker import CLOSED, BreakerState, Circuit
from webhookcore.delivery.window import Window
from webhookcore.store import breakers as store
from webhookcore.store import inbox
from webhookcore.store.database import UNAVAILABLE, Connection, Database
from webhookcore.store.rows import Row

_log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.25


class Breakers:
    """Tells which services are held, and by the outcomes it is told, opens and closes."""

    def __init__(
        self,
        database: Database,
        services: Iterable[str],
        *,
        probe_seconds: float,
        on_open: Callable[[str], None],
        on_close: Callable[[str], None],
    ) -> None:
        self._database = database
        self._states: dict[str, BreakerState] = dict.fromkeys(services, CLOSED)
        self._windows = {service: Window() for service in self._states}
        self._probes: dict[str, UUID] = {}
        self._probe_time = timedelta(seconds=probe_seconds)
        self._on_open = on_open
        self._on_close = on_close
        self._transitions: deque[tuple[str, UUID | None, BreakerState]] = deque()
        self._wake = asyncio.Event()

    def state(self, service: str) -> BreakerState:
        return self._states[service]

    def states(self) -> dict[str, BreakerState]:
        return dict(self._states)

    def is_open(self, service: str) -> bool:
        """Held: a delivery is parked, unless it gets the right to the probe."""
        return self._states[service].state is not Circuit.CLOSED

    def due(self, now: datetime) -> list[str]:
        """Services whose wait is over: the next delivery may probe."""
        return [
            name for name, state in self._states.items() if name not in self._probes and breaker.may_probe(state, now)
        ]

    async def take_probe(self, conn: Connection, service: str, me: UUID) -> bool:
        """The right to the one probe across all routers; `probed` or `give_up_probe` ends it."""
        now = self._database.now()
        state = breaker.probing(self._states[service], me, now, self._probe_time)
        if not await store.take_probe(conn, service=service, state=state, now=now):
            return False
        self._probes_as(service, me, state)
        return True

    async def claim_probe(self, conn: Connection, service: str, me: UUID) -> Row | None:
        """A waiting row of this service together with the right to the probe: both or neither, so that what is not
        sent is not charged.
        """
        now = self._database.now()
        state = breaker.probing(self._states[service], me, now, self._probe_time)
        row = await inbox.claim_probe(conn, me=me, route=service, state=state, now=now)
        if row is not None:
            self._probes_as(service, me, state)
        return row

    def _probes_as(self, service: str, me: UUID, state: BreakerState) -> None:
        self._states[service] = state
        self._probes[service] = me

    def record(self, service: str, *, failed: bool) -> None:
        """A delivery that was no probe ended."""
        if self.is_open(service):
            return  # what was under way when it opened says nothing new
        window, now = self._windows[service], time.monotonic()
        window.record(failed=failed, now=now)
        if failed and window.tripped(now):
            self._change(service, None, breaker.open_again(self._states[service], self._database.now()))

    def probed(self, service: str, *, failed: bool) -> None:
        """The probe's delivery ended."""
        me = self._probes.pop(service, None)
        if me is not None:
            self._change(
                service, me, breaker.probed(self._states[service], service_failed=failed, now=self._database.now())
            )

    def give_up_probe(self, service: str) -> None:
        """The probe was not sent; whoever comes next may probe."""
        me = self._probes.pop(service, None)
        if me is not None:
            self._change(service, me, breaker.unsent(self._states[service], self._database.now()))

    def _change(self, service: str, me: UUID | None, state: BreakerState) -> None:
        self._apply(service, state)
        self._transitions.append((service, me, state))
        self._wake.set()

    def _apply(self, service: str, state: BreakerState) -> None:
        was_open = self.is_open(service)
        self._states[service] = state
        if self.is_open(service) == was_open:
            return
        self._windows[service].clear()
        if was_open:
            _log.info("the breaker of %s closed", service)
            self._on_close(service)
        else:
            _log.warning("the breaker of %s opened until %s", service, state.probe_at)
            self._on_open(service)

    async def run(self) -> None:
        """Writes this router's transitions and learns of the others', until cancelled."""
        while True:
            try:
                async with asyncio.timeout(5), self._database.connection() as conn:
                    await self.exchange(conn)
            except UNAVAILABLE as error:
                _log.warning("breakers are not shared, the database is away: %s", error)
                await asyncio.sleep(1)
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def exchange(self, conn: Connection) -> None:
        """One round. A transition is dropped only after it was written, and nothing is learnt before all were."""
        self._wake.clear()
        while self._transitions:
            service, me, state = self._transitions[0]
            now = self._database.now()
            if me is None:
                await store.opened(conn, service=service, state=state, now=now)
            else:
                await store.probed(conn, service=service, me=me, state=state, now=now)
            self._transitions.popleft()
        shared = await store.read_all(conn)
        if self._transitions:
            return  # something changed here while that was read
        for service in self._states:
            if service not in self._probes:
                self._apply(service, shared.get(service, CLOSED))
