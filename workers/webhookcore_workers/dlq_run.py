"""One run over the dead letter queue: claims, sends and settles at the same time, until nothing is due.

The feeder claims while senders are at work, so that none of them waits for Postgres; each sender posts one dead letter
at a time; the settler writes all answers that came in while it wrote the ones before.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from webhookcore.redelivery import Answer
from webhookcore.settings import Dlq
from webhookcore.store import dead_letters
from webhookcore.store.database import Connection, Database
from webhookcore.store.dead_letters import ClaimedLetter
from webhookcore.store.due_scan import DueScan
from webhookcore_workers.dlq_events import DlqEvents
from webhookcore_workers.hold import Hold
from webhookcore_workers.patience import patiently
from webhookcore_workers.reach import Reach
from webhookcore_workers.router_client import RouterClient, Unreached
from webhookcore_workers.settlement import settlement
from webhookcore_workers.tally import Tally

_SLACK_SECONDS: Final = 1.0
"""What a lease must outlive a send's deadline by, to settle it."""
_ROUNDS: Final = 2
"""A claim is of at most so many rows for each that is sent at a time."""
_FREE_EXPIRED_SECONDS: Final = 5.0
_BLOCKED_POLLS: Final = 10
_BLOCKED_PAUSE_SECONDS: Final = 0.1
"""A lane that a router holds is waited for a second in all: the next run is minutes away, but it comes."""
_GATHER_SECONDS: Final = 0.015
"""What an answer waits for others to settle with, while they are on their way: a statement costs more than a row."""


@dataclass(frozen=True, slots=True)
class _Leased:
    letter: ClaimedLetter
    ends_at: float
    """When the lease ends, by the monotonic clock."""


class DlqRun:
    """`work` runs to the end; `stop` ends it early: what is being sent is finished, everything else given back."""

    def __init__(
        self,
        *,
        database: Database,
        router: RouterClient,
        events: DlqEvents,
        dlq: Dlq,
        owner: UUID,
        on_progress: Callable[[Tally], None],
    ) -> None:
        self.tally = Tally()
        self.reach = Reach()
        self.out_of_time = False
        self._database = database
        self._router = router
        self._events = events
        self._dlq = dlq
        self._owner = owner
        self._on_progress = on_progress
        self._scan = DueScan()
        self._hold = Hold()
        self._buffer: asyncio.Queue[_Leased] = asyncio.Queue()
        self._unsettled: list[tuple[ClaimedLetter, Answer | Unreached | None]] = []
        # Leased and not yet settled or given back. Counted: a row may be claimed anew before it leaves here.
        self._busy: Counter[UUID] = Counter()
        self._sending = 0
        self._changed = asyncio.Event()
        self._answered = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._stopped = False
        self._ends_at = 0.0
        # While a row is leased its lane waits: no more of them than are sent soon, however few are sent at a time.
        self._batch = min(dlq.batch_size, _ROUNDS * dlq.concurrency)
        # A row may wait for those before it in the buffer, and is then sent.
        rounds = -(-(self._batch + self._batch // 2) // dlq.concurrency) + 1
        self._lease_seconds = rounds * (router.budget_seconds + _SLACK_SECONDS) + 10

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()

    async def work(self) -> None:
        """Raises DatabaseLostError (in a group) when the database went away for good; leases then run out."""
        self._ends_at = time.monotonic() + self._dlq.max_run_seconds
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._send_forever()) for _ in range(self._dlq.concurrency)]
            helpers.append(group.create_task(self._settle_forever()))
            await self._feed()
            while self._busy:
                self._give_back_buffer()
                await self._change()
            for helper in helpers:
                helper.cancel()
        await patiently(self._database, self._release_all)

    # feeding

    async def _feed(self) -> None:
        polls, freed_at = 0, float("-inf")
        while not self._over():
            if time.monotonic() - freed_at > _FREE_EXPIRED_SECONDS:
                freed_at = time.monotonic()
                await patiently(self._database, self._free_expired)
            if not self._has_room() or (self._busy and not self.reach.up):
                await self._change()
            elif await self._claim():
                polls = 0
            elif not self._scan.exhausted:
                continue
            elif self._busy:
                await self._change()
            elif (pause := self._hold.seconds_until_due(time.monotonic())) is not None:
                await self._change(pause)
            elif self._scan.blocked and polls < _BLOCKED_POLLS:
                polls += 1
                await self._change(_BLOCKED_PAUSE_SECONDS)
            else:
                return

    async def _claim(self) -> bool:
        held_off = self._hold.ids(time.monotonic())
        tries = 0

        async def act(conn: Connection) -> tuple[list[ClaimedLetter], float]:
            nonlocal tries
            tries += 1
            if tries > 1:  # the claim that seemed to fail may have been kept, and only its answer lost
                await dead_letters.release_all(conn, owner=self._owner, now=self._database.now(), known=self._busy)
            ends_at = time.monotonic() + self._lease_seconds
            letters = await dead_letters.claim_due(
                conn,
                owner=self._owner,
                batch=self._batch,
                lease_seconds=self._lease_seconds,
                now=self._database.now(),
                scan=self._scan,
                held_off=held_off,
            )
            return letters, ends_at

        letters, ends_at = await patiently(self._database, act)
        for letter in letters:
            self._busy[letter.id] += 1
            self._buffer.put_nowait(_Leased(letter, ends_at))
        return bool(letters)

    def _has_room(self) -> bool:
        """Whether to claim before the senders run out."""
        return self._buffer.qsize() <= self._batch // 2

    def _over(self) -> bool:
        if time.monotonic() >= self._ends_at:
            self.out_of_time = True
        return self._stopped or self.out_of_time or self.reach.away

    def _give_back_buffer(self) -> None:
        while not self._buffer.empty():
            self._report(self._buffer.get_nowait().letter, None)

    async def _change(self, seconds: float = 1.0) -> None:
        """Until something changed, or so many seconds have passed, or the run's time is up."""
        seconds = min(seconds, max(0.01, self._ends_at - time.monotonic()))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()

    # sending

    async def _send_forever(self) -> None:
        while True:
            leased = await self._buffer.get()
            if self._has_room():
                self._changed.set()
            self._sending += 1
            answer = await self._send_in_turn(leased)
            self._sending -= 1
            self._report(leased.letter, answer)

    async def _send_in_turn(self, leased: _Leased) -> Answer | Unreached | None:
        """None when it was not sent. While no router is known to answer, one tries and the others wait."""
        while not self.reach.up and not self._over():
            async with self._one_at_a_time:
                if self.reach.up or self._over():
                    break
                await asyncio.sleep(max(0.0, self.reach.retry_at - time.monotonic()))
                if not self.reach.up:
                    return await self._send(leased)
        return await self._send(leased)

    async def _send(self, leased: _Leased) -> Answer | Unreached | None:
        deadline = time.monotonic() + self._router.budget_seconds
        if self._over() or leased.ends_at < deadline + _SLACK_SECONDS:
            return None
        generation = self.reach.generation
        answer = await self._router.deliver(leased.letter)
        if isinstance(answer, Unreached):
            self.reach.missed(generation, time.monotonic(), answer.why)
            self._hold.missed(leased.letter.id, time.monotonic())  # before its release: no claim must take it at once
        else:
            self.reach.reached()
        return answer

    def _report(self, letter: ClaimedLetter, answer: Answer | Unreached | None) -> None:
        self._unsettled.append((letter, answer))
        self._answered.set()

    # settling

    async def _settle_forever(self) -> None:
        while True:
            await self._answered.wait()
            if self._sending and len(self._unsettled) < self._dlq.concurrency:
                await asyncio.sleep(_GATHER_SECONDS)
            self._answered.clear()
            batch, self._unsettled = self._unsettled, []
            await self._settle(batch)
            self._busy -= Counter(letter.id for letter, _ in batch)
            self._changed.set()

    async def _settle(self, batch: list[tuple[ClaimedLetter, Answer | Unreached | None]]) -> None:
        now = self._database.now()
        judged = [
            (letter, answer, settlement(letter, answer, self._dlq, now))
            for letter, answer in batch
            if isinstance(answer, Answer)
        ]
        back = [letter.id for letter, answer in batch if not isinstance(answer, Answer)]
        unreached = [(letter.id, answer) for letter, answer in batch if isinstance(answer, Unreached)]
        perhaps_sent = [row_id for row_id, answer in unreached if answer.may_have_been_sent]

        async def act(conn: Connection) -> set[UUID]:
            if back:
                await dead_letters.release(conn, owner=self._owner, ids=back, now=now, perhaps_sent=perhaps_sent)
            if not judged:
                return set()
            settlements = [settled for _, _, settled in judged]
            return await dead_letters.settle(conn, owner=self._owner, settlements=settlements, now=now)

        written = await patiently(self._database, act)
        for letter, answer, settled in judged:
            if settled.id in written:
                self.tally.settled(answer, settled)
                self._events.settled(letter, answer, settled, now)
            else:
                self.tally.lost += 1
        self.tally.unreached += len(unreached)
        self._events.flush()
        self._on_progress(self.tally)

    # leases

    async def _free_expired(self, conn: Connection) -> int:
        return await dead_letters.free_expired(conn, now=self._database.now())

    async def _release_all(self, conn: Connection) -> int:
        return await dead_letters.release_all(conn, owner=self._owner, now=self._database.now())
