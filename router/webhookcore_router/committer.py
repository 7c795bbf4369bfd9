"""Group commit: each flush takes what queued while the one before it ran, in one transaction."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from webhookcore.notification.event import Kind
from webhookcore.store import ingest
from webhookcore.store.database import REFUSED, UNAVAILABLE, Connection, Database, refusal
from webhookcore.store.rows import Row
from webhookcore_router.dispatcher import Dispatcher
from webhookcore_router.lease import Lease
from webhookcore_router.limits import Limits
from webhookcore_router.planning import Plan, Policy, plan
from webhookcore_router.submission import Submission, Verdict
from webhookcore_router.turns import Turns

_log = logging.getLogger(__name__)
_TRIES = 5
_GATHERED = 32
"""Notifications worth a flush, which by itself costs as much as a dozen of them."""


class NotKeptError(Exception):
    """The commit failed, or its outcome is unknown: 503, and Meta sends it again."""


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    size: int
    done: asyncio.Future[list[Verdict]]


class Committer:
    """Keeps notifications; `submit` returns when they are durable."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        dispatcher: Dispatcher,
        policy: Policy,
        limits: Limits,
    ) -> None:
        self._database = database
        self._lease = lease
        self._dispatcher = dispatcher
        self._policy = policy
        self._limits = limits
        self._queue: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._requests = 0
        self._bytes = 0
        self._turns = Turns()
        self._hanging: set[asyncio.Task[None]] = set()

    @property
    def uncommitted(self) -> int:
        """Requests that wait for their commit."""
        return self._requests

    def has_room(self, size: int) -> bool:
        """Whether another notification of `size` bytes may wait for its commit; if not, it is refused before any work
        on it, so that what is refused takes little from what is kept.
        """
        limits = self._limits
        return self._requests < limits.uncommitted_requests and (
            self._bytes + size <= limits.uncommitted_bytes or size >= limits.uncommitted_bytes
        )

    async def submit(self, submission: Submission, size: int) -> list[Verdict]:
        """Keeps a notification of `size` bytes whole; there must be room. A client that goes away changes nothing."""
        done: asyncio.Future[list[Verdict]] = asyncio.get_running_loop().create_future()
        self._requests += 1
        self._bytes += size
        try:
            self._queue.append(_Waiting(submission, size, done))
            self._work.set()
            return await done
        finally:
            self._requests -= 1
            self._bytes -= size

    async def run(self) -> None:
        """One flusher; several may run. Flushes until cancelled."""
        while True:
            await self._work.wait()
            await self._gather()
            batch = self._take()
            if batch:
                await self._flush_in_time(batch)

    async def _gather(self) -> None:
        """Waits while each turn of the event loop brings more: load makes larger flushes, not more of them."""
        queued = 0
        while queued < len(self._queue) < _GATHERED:
            queued = len(self._queue)
            await asyncio.sleep(0)

    def _take(self) -> list[_Waiting]:
        """What queued, oldest first: whole notifications, about `flush_events` events, and no more than a fair share,
        so that something is read and something is answered while each flush waits for the database.
        """
        share = max(_GATHERED, self._requests // (self._limits.flushers + 1))
        batch: list[_Waiting] = []
        events = 0
        while self._queue and (
            not batch
            or (len(batch) < share and events + len(self._queue[0].submission.events) <= self._limits.flush_events)
        ):
            waiting = self._queue.popleft()
            batch.append(waiting)
            events += len(waiting.submission.events)
        if not self._queue:
            self._work.clear()
        return batch

    async def _flush_in_time(self, batch: list[_Waiting]) -> None:
        """Answers within `flush_seconds` even when the connection hangs; the hanging flush is left to its own end."""
        flush = asyncio.create_task(self._flush(batch))
        await asyncio.wait({flush}, timeout=self._limits.flush_seconds)
        if not flush.done():
            self._lease.doubt()
            self._hanging.add(flush)
            flush.add_done_callback(self._hanging.discard)
            flush.cancel()
            _fail(batch, NotKeptError("the database does not answer"))
        elif not flush.cancelled() and (error := flush.exception()) is not None:
            _fail(batch, NotKeptError("a defect"))
            raise error

    async def _flush(self, batch: list[_Waiting]) -> None:
        try:
            async with self._database.connection() as conn:
                await self._commit_each(conn, batch)
        except UNAVAILABLE as error:
            _log.warning("a flush of %d notifications failed: %s", len(batch), error or type(error).__name__)
            _fail(batch, NotKeptError("the database is away"))

    async def _commit_each(self, conn: Connection, batch: list[_Waiting]) -> None:
        """Together if that goes well, else one by one: one that Postgres refuses, or that finds a defect, must not fail
        the others, and must not end the router: Meta will send it again.
        """
        try:
            await self._commit(conn, batch)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 - it is told of below
            if len(batch) > 1:
                for waiting in batch:
                    await self._commit_each(conn, [waiting])
                return
            request_id = batch[0].submission.request_id
            if isinstance(error, REFUSED):
                _log.error("Postgres refused a notification (request %s): %s", request_id, refusal(error))
                _fail(batch, NotKeptError("the database refused it"))
            else:
                _log.error("a notification (request %s) found a defect", request_id, exc_info=error)
                _fail(batch, NotKeptError("a defect"))

    async def _commit(self, conn: Connection, batch: list[_Waiting]) -> None:
        live = [waiting for waiting in batch if not waiting.done.done()]
        for tries_left in reversed(range(_TRIES)):
            try:
                await self._transaction(conn, live)
            except ingest.TRY_AGAIN:
                if not tries_left:
                    raise
            else:
                return

    async def _transaction(self, conn: Connection, batch: list[_Waiting]) -> None:
        """Reads, decides, keeps; answers; then hands over what is this router's to send.

        Two flushes that share a sender read one after the other. Their turns, taken when they have read, keep that
        order where it counts: in the dispatcher's lanes.
        """
        me = await self._lease.certain(conn)
        generations, releasing = self._dispatcher.generations(), self._dispatcher.releasing()
        submissions = [waiting.submission for waiting in batch]
        events = [event for submission in submissions for event in submission.events]
        locked = {event.sender for event in events if event.sender}
        senders = sorted({event.sender for event in events if event.kind is Kind.MESSAGE and event.sender})
        keys = [event.dedupe_key for event in events]
        turn: asyncio.Future[None] | None = None
        try:
            with self._lease.at_stake():
                async with ingest.flush(conn) as pipeline:
                    now = self._database.now()
                    state = await ingest.read_state(
                        conn, pipeline, me=me, locked=locked, keys=keys, senders=senders, now=now
                    )
                    turn = self._turns.take()
                    for lane in releasing:
                        state.foreign.setdefault(lane, None)
                    now = self._database.now()
                    written = plan(submissions, state, self._policy, self._dispatcher.rooms(), now)
                    answer = await ingest.keep(
                        conn, me=me, now=now, rows=written.rows, keys=written.keys, sessions=written.sessions
                    )
                kept = await ingest.kept(answer)
                for waiting, verdicts in zip(batch, written.verdicts, strict=True):
                    if not waiting.done.done():
                        waiting.done.set_result(verdicts)
                await turn
                self._dispatcher.crowd(written.crowded)
                if kept.lease_stands:
                    self._dispatcher.add(me, _owned(written, kept), generations)
        finally:
            if turn is not None:
                self._turns.end(turn)

    async def handed_over(self) -> None:
        """Returns when every flush that has read by now has ended, and what it kept is the dispatcher's."""
        turn = self._turns.take()
        try:
            await turn
        finally:
            self._turns.end(turn)


def _owned(written: Plan, kept: ingest.Kept) -> list[Row]:
    """The rows that are this router's, with the ids that they got: ids come in the order of the rows."""
    inserted = [row for row in written.rows if kept.inserted is None or row.dedupe_key in kept.inserted]
    return [Row.accepted(row_id, row) for row_id, row in zip(kept.ids, inserted, strict=True) if row.owned]


def _fail(batch: list[_Waiting], error: NotKeptError) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)
