"""The work queue: each key once, by one worker at a time, and again when it is due."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from webhookcore_operator import work_queue
from webhookcore_operator.work_queue import Key, WorkQueue, backoff

A, B, C = (Key("shop", name) for name in "abc")


class Handler:
    """Notes the keys that it is called with; waits for `gate` where that is closed."""

    def __init__(self) -> None:
        self.calls: list[Key] = []
        self.running: list[Key] = []
        self.overlaps = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Callable[[Key], float | None] = lambda _: None

    async def __call__(self, key: Key) -> float | None:
        self.calls.append(key)
        self.overlaps += key in self.running
        self.running.append(key)
        try:
            await self.gate.wait()
            return self.answer(key)
        finally:
            self.running.remove(key)


@asynccontextmanager
async def working(queue: WorkQueue) -> AsyncIterator[None]:
    running = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - some turn of the loop brings it about
            await asyncio.sleep(0)


async def idle() -> None:
    """Until all that can run has run."""
    for _ in range(50):
        await asyncio.sleep(0)


def due(queue: WorkQueue, key: Key) -> float:
    """Seconds from now."""
    return queue._timers[key].when() - asyncio.get_running_loop().time()


async def test_a_key_that_waits_is_not_added_twice() -> None:
    """A hundred events of one resource are one reconciliation; others keep their turn."""
    handler = Handler()
    queue = WorkQueue(handler, workers=1)
    for key in [A] * 100 + [B, A, B]:
        queue.add(key)
    assert queue.depth == 2
    async with working(queue):
        await until(lambda: len(handler.calls) == 2)
        await idle()
    assert (handler.calls, queue.depth) == ([A, B], 0)


async def test_a_key_has_one_worker_and_comes_again() -> None:
    """What happened while it was handled is looked at once more, once."""
    handler = Handler()
    handler.gate.clear()
    queue = WorkQueue(handler, workers=4)
    async with working(queue):
        queue.add(A)
        await until(lambda: handler.running == [A])
        for _ in range(10):
            queue.add(A)
        await idle()
        assert (handler.calls, queue.depth) == ([A], 0)
        handler.gate.set()
        await until(lambda: len(handler.calls) == 2)
        await idle()
    assert (handler.calls, handler.overlaps) == ([A, A], 0)


async def test_different_keys_are_handled_side_by_side() -> None:
    """As many as there are workers."""
    handler = Handler()
    handler.gate.clear()
    queue = WorkQueue(handler, workers=2)
    async with working(queue):
        for key in (A, B, C):
            queue.add(key)
        await until(lambda: len(handler.running) == 2)
        await idle()
        assert (sorted(handler.running), queue.depth) == ([A, B], 1)
        handler.gate.set()
        await until(lambda: len(handler.calls) == 3)


async def test_the_earliest_time_counts() -> None:
    """A later one changes nothing, an earlier one replaces it."""
    queue = WorkQueue(Handler())
    queue.add_after(A, 100)
    queue.add_after(A, 200)
    assert due(queue, A) == pytest.approx(100, abs=1)
    queue.add_after(A, 50)
    assert due(queue, A) == pytest.approx(50, abs=1)
    queue.add(A)
    assert (queue._timers, queue.depth) == ({}, 1)


async def test_what_is_due_is_handled() -> None:
    """By the seconds that its last handling asked for."""
    handler = Handler()
    handler.answer = lambda _: 0.0 if len(handler.calls) < 3 else None
    queue = WorkQueue(handler)
    async with working(queue):
        queue.add_after(A, 0.0)
        await until(lambda: len(handler.calls) == 3)
        await idle()
    assert (handler.calls, queue._timers) == ([A, A, A], {})


async def test_a_look_that_is_asked_for_waits() -> None:
    """As long as was said."""
    handler = Handler()
    handler.answer = lambda _: 30.0
    queue = WorkQueue(handler)
    async with working(queue):
        queue.add(A)
        await until(lambda: A in queue._timers)
        assert due(queue, A) == pytest.approx(30, abs=1)


def failing(calls: list[Key], bad: Key) -> Callable[[Key], Awaitable[float | None]]:
    async def handle(key: Key) -> float | None:
        calls.append(key)
        if key == bad:
            raise RuntimeError("broken")
        return None

    return handle


async def test_what_fails_comes_again_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """After a backoff; the others go on, with a single worker too."""
    calls: list[Key] = []
    queue = WorkQueue(failing(calls, A), workers=1)
    async with working(queue):
        for key in (A, B, C):
            queue.add(key)
        await until(lambda: len(calls) == 3)
        await until(lambda: A in queue._timers)
        assert due(queue, A) == pytest.approx(0.9, abs=0.2)
    assert "shop/a failed, again in 1 s: RuntimeError: broken" in caplog.text


async def test_failures_in_a_row_take_longer_and_a_success_forgets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backoff's count is a key's own."""
    asked: list[int] = []

    def at_once(failures: int, _: float) -> float:
        asked.append(failures)
        return 0.0

    monkeypatch.setattr(work_queue, "backoff", at_once)
    handler = Handler()

    def answer(_: Key) -> float | None:
        if len(handler.calls) in (1, 2, 4):
            raise OSError
        return 0.0 if len(handler.calls) < 5 else None

    handler.answer = answer
    queue = WorkQueue(handler)
    async with working(queue):
        queue.add(A)
        await until(lambda: len(handler.calls) == 5)
        await idle()
    assert (asked, queue._failures) == ([1, 2, 1], {})


async def test_a_failure_while_something_happened_is_looked_at_at_once() -> None:
    """News may be what mends it."""
    handler = Handler()
    handler.gate.clear()

    def answer(_: Key) -> float | None:
        if len(handler.calls) == 1:
            raise OSError
        return None

    handler.answer = answer
    queue = WorkQueue(handler)
    async with working(queue):
        queue.add(A)
        await until(lambda: handler.running == [A])
        queue.add(A)
        handler.gate.set()
        await until(lambda: len(handler.calls) == 2)
        await idle()
    assert queue._timers == {}


def test_backoff() -> None:
    """One second, doubled to five minutes; spread by up to a fifth, downwards."""
    assert [backoff(failures, 1.0) for failures in (1, 2, 3, 9, 10, 11, 10_000)] == [1, 2, 4, 256, 300, 300, 300]
    assert [backoff(failures, 0.0) for failures in (1, 10_000)] == [0.8, 240]
