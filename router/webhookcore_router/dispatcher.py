"""Dispatch: starts the deliveries of what this router holds, and hands each outcome to the settler."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from webhookcore.delivery.outcome import Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.store.inbox import Room
from webhookcore.store.rows import Row
from webhookcore_router.breakers import Breakers
from webhookcore_router.lanes import Lanes
from webhookcore_router.lease import Lease
from webhookcore_router.outgoing import Delivery, Target
from webhookcore_router.reports import Reports
from webhookcore_router.sender import DeliveryReport, LeaseLostError, Sender
from webhookcore_router.settler import Settler

_log = logging.getLogger(__name__)


class Dispatcher:
    """The windows of all routes. Blocked routes (paused, breaker open) hold nothing."""

    def __init__(
        self,
        lanes: Mapping[str, Lanes],
        targets: Mapping[str, Target],
        *,
        sender: Sender,
        settler: Settler,
        lease: Lease,
        breakers: Breakers,
        reports: Reports,
        timeout_seconds: float,
    ) -> None:
        self._lanes = lanes
        self._targets = targets
        self._sender = sender
        self._settler = settler
        self._lease = lease
        self._breakers = breakers
        self._reports = reports
        self._timeout = timeout_seconds
        self._blocked: set[str] = set()
        self._crowded: set[str] = set()
        self._running: dict[UUID, set[asyncio.Task[None]]] = {}
        self._collected: list[tuple[UUID, Row, int]] | None = None
        self.draining = False
        self.room_wanted = asyncio.Event()
        """Set when there may be something to claim before the next regular look."""

    # -- windows ------------------------------------------------------------------------------------------------

    def rooms(self) -> dict[str, int]:
        """How many rows of each route can be taken up; none of a blocked one."""
        return {name: lanes.room for name, lanes in self._lanes.items() if name not in self._blocked and lanes.room}

    def rooms_to_refill(self) -> dict[str, Room]:
        """The room of windows that are worth a claim: one for each row that leaves would cost more than it brings. None
        where rows are being given back: until that is written, what is behind them in their lanes looks like the next.
        """
        returning = {route for _, route in self.releasing()}
        return {
            name: Room(rows, self._lanes[name].room_bytes)
            for name, rows in self.rooms().items()
            if name not in returning and self._lanes[name].wants_refill
        }

    def generations(self) -> dict[str, int]:
        """To be read before what is added later, and given to `add` with it."""
        return {name: lanes.generation for name, lanes in self._lanes.items()}

    def add(self, me: UUID, rows: Iterable[Row], generations: Mapping[str, int]) -> None:
        """Takes up rows that were kept or claimed as `me`.

        Where a route was blocked or given back since `generations` was read, its rows are given back unsent: what is
        before them in their lane may be another router's by now.
        """
        handed = [(me, row, generations[row.route]) for row in rows]
        if self._collected is None:
            self._take_up(handed)
        else:
            self._collected += handed

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """While a claim runs: what is added meanwhile is taken up at its end, all in the order of the ids. A claim and
        a flush may each have a row of one lane, and learn of it in any order.
        """
        self._collected = []
        try:
            yield
        finally:
            handed, self._collected = self._collected, None
            self._take_up(sorted(handed, key=lambda one: one[1].id))

    def _take_up(self, handed: Iterable[tuple[UUID, Row, int]]) -> None:
        touched: set[str] = set()
        for me, row, generation in handed:
            lanes = self._lanes[row.route]
            if not self._lease.sure_of(me) or row.route in self._blocked or lanes.generation != generation:
                self._give_back(me, row)
            else:
                lanes.add(row)
                touched.add(row.route)
        for name in touched:
            self._pump(name)

    def _give_back(self, me: UUID, row: Row) -> None:
        """One row unsent, and what waits behind it: nothing of its lane may overtake it. What waits is always the
        identity's of now, whichever this row came with.
        """
        self._settler.release(me, [row])
        self._settler.release(self._lease.me, self._lanes[row.route].give_back())

    def crowd(self, names: Iterable[str]) -> None:
        """Rows of these routes found no room: there is something to claim as soon as there is room again."""
        self._crowded.update(names)

    def block(self, name: str) -> None:
        """Gives back what waits for a route; what is being delivered goes on."""
        self._blocked.add(name)
        self._settler.release(self._lease.me, self._lanes[name].give_back())

    def unblock(self, name: str) -> None:
        self._blocked.discard(name)
        self._lanes[name].generation += 1  # what was read while it was blocked tells nothing of its lanes
        self.room_wanted.set()

    def give_back(self, me: UUID) -> None:
        """Gives back all that waits, as `me`; what is being delivered goes on."""
        for lanes in self._lanes.values():
            self._settler.release(me, lanes.give_back())

    def releasing(self) -> set[tuple[str, str]]:
        """The lanes (sender, route) of rows that are given back, and in the database still this router's."""
        return self._settler.releasing()

    def forget(self) -> None:
        """The lease is lost: whatever waits here is no longer ours."""
        for lanes in self._lanes.values():
            lanes.give_back()

    def block_all(self) -> None:
        """For a drain: what is not being delivered goes back."""
        self.draining = True
        for name in self._lanes:
            self.block(name)

    def held(self) -> int:
        return sum(lanes.rows for lanes in self._lanes.values())

    def delivers_as(self, me: UUID) -> bool:
        """Whether a row of `me` is being delivered."""
        return bool(self._running.get(me))

    async def idle(self, seconds: float) -> bool:
        """Waits for running deliveries; False when some still run after `seconds`."""
        running = set().union(*self._running.values())
        if running:
            _, running = await asyncio.wait(running, timeout=seconds)
        return not running

    # -- deliveries ---------------------------------------------------------------------------------------------

    def probe(self, me: UUID, row: Row) -> None:
        """Delivers one row of a service whose breaker is open, outside its blocked window."""
        self._lanes[row.route].begin(row)
        self._start(me, row, probe=True)

    async def redeliver(self, row: Row, *, probe: bool, wait_seconds: float) -> tuple[Outcome, int] | None:
        """A dead letter's delivery, and the last X-WA-Attempt used; None when no slot came free. Settles nothing."""
        lanes = self._lanes[row.route]
        if not probe and not await lanes.slot(wait_seconds):
            return None
        lanes.begin(row)
        try:
            return await self._deliver(row, probe=probe)
        finally:
            self._done(row)

    def _pump(self, name: str) -> None:
        lanes = self._lanes[name]
        while (row := lanes.take()) is not None:
            self._start(self._lease.me, row)
        if name in self._crowded and lanes.wants_refill:
            self._crowded.discard(name)
            self.room_wanted.set()

    def _start(self, me: UUID, row: Row, *, probe: bool = False) -> None:
        task = asyncio.create_task(self._run(me, row, probe=probe))
        self._running.setdefault(me, set()).add(task)
        task.add_done_callback(partial(self._ended, me))

    def _ended(self, me: UUID, task: asyncio.Task[None]) -> None:
        running = self._running[me]
        running.discard(task)
        if not running:
            del self._running[me]

    async def _run(self, me: UUID, row: Row, *, probe: bool) -> None:
        try:
            outcome, attempts = await self._deliver(row, probe=probe)
            match outcome:
                case Delivered():
                    self._settler.delivered(me, row)
                case Parked():
                    self._settler.release(me, [row])
                case _:
                    self._settler.dead(me, row, outcome, attempts)
        except LeaseLostError:
            self._give_back(me, row)
        finally:
            self._done(row)

    def _done(self, row: Row) -> None:
        self._lanes[row.route].done(row)
        if row.route not in self._blocked:
            self._pump(row.route)

    async def _deliver(self, row: Row, *, probe: bool) -> tuple[Outcome, int]:
        failed: bool | None = None
        try:
            report = await self._sender.deliver(
                _delivery(row), self._targets[row.route], time.monotonic() + self._timeout
            )
            failed = report.service_failed
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect, and no reason to keep the event for ever
            _log.error("a delivery to %s ended by a defect", row.route, exc_info=error)
            outcome = Failed(FailureCode.UNKNOWN_OUTCOME, "a defect of Webhook Core; it was logged")
            report = DeliveryReport(outcome, 0, 0.0)
        finally:
            self._tell_breaker(row.route, failed, probe=probe)
        attempts = row.attempts + max(0, report.attempts_used - 1)
        self._reports.delivery(row, report.outcome, attempts, report.elapsed_ms, self._lease.now())
        return report.outcome, attempts

    def _tell_breaker(self, service: str, failed: bool | None, *, probe: bool) -> None:
        """`failed` is None where nothing was sent."""
        if probe and failed is None:
            self._breakers.give_up_probe(service)
        elif probe:
            self._breakers.probed(service, failed=bool(failed))
        elif failed is not None:
            self._breakers.record(service, failed=failed)


def _delivery(row: Row) -> Delivery:
    return Delivery(
        row.body,
        row.attempts,
        row.idempotency_key,
        row.correlation_id,
        row.request_id,
        row.received_at,
        row.menu_selection,
        row.traceparent,
        taken_over=row.taken_over,
    )
