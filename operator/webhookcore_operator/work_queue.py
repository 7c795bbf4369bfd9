"""The work queue: what is to be reconciled, each key once, one worker a key, and later again what failed."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

FIRST_BACKOFF: Final = 1.0
LONGEST_BACKOFF: Final = 300.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one resource."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def backoff(failures: int, jitter: float) -> float:
    """Seconds until the next try after so many failures in a row; `jitter` (0 to 1) spreads them by up to a fifth."""
    seconds: float = min(FIRST_BACKOFF * 2 ** min(failures - 1, 16), LONGEST_BACKOFF)
    return seconds * (0.8 + 0.2 * jitter)


class WorkQueue:
    """Calls `handle(key)`, which returns the seconds after which the key wants to be looked at again, or None.

    An exception is logged, and the key comes again after a backoff. A key that is added while it is handled is handled
    once more afterwards.
    """

    def __init__(self, handle: Callable[[Key], Awaitable[float | None]], *, workers: int = 8) -> None:
        self._handle = handle
        self._workers = workers
        self._ready: deque[Key] = deque()
        self._waiting: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Semaphore(0)

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._ready)

    def add(self, key: Key) -> None:
        """As soon as a worker is free."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._wake.release()

    def add_after(self, key: Key, seconds: float) -> None:
        """In so many seconds, or earlier if it is to come earlier."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self.add, key)

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._wake.acquire()
            key = self._ready.popleft()
            self._waiting.discard(key)
            self._running.add(key)
            try:
                await self._once(key)
            finally:
                self._running.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    async def _once(self, key: Key) -> None:
        try:
            seconds = await self._handle(key)
        except Exception as error:  # noqa: BLE001 - whatever it was, one resource must not stop the others
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            after = backoff(failures, random.random())  # noqa: S311 - it spreads load, it hides nothing
            _log.warning("%s failed, again in %.0f s: %s: %s", key, after, type(error).__name__, error)
            self.add_after(key, after)
        else:
            self._failures.pop(key, None)
            if seconds is not None:
                self.add_after(key, seconds)
