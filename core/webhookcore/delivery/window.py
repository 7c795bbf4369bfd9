"""The recent deliveries of a service, counted: when so many of them failed that its breaker must open."""

from typing import Final

SECONDS: Final = 30
FEWEST: Final = 20
"""Fewer deliveries say nothing about a service: one poison message must not close it to all others."""
FAILING_SHARE: Final = 0.5


class Window:
    """Counts by second of the monotonic clock, so that recording is O(1) however many deliveries there are."""

    def __init__(self) -> None:
        self._all = [0] * SECONDS
        self._failed = [0] * SECONDS
        self._second = 0
        self._total = 0
        self._failures = 0

    def record(self, *, failed: bool, now: float) -> None:
        """A delivery ended at `now` (seconds, never going back)."""
        self._turn(now)
        slot = self._second % SECONDS
        self._all[slot] += 1
        self._total += 1
        if failed:
            self._failed[slot] += 1
            self._failures += 1

    def tripped(self, now: float) -> bool:
        """Whether the breaker must open."""
        self._turn(now)
        return self._total >= FEWEST and self._failures >= self._total * FAILING_SHARE

    def clear(self) -> None:
        """Forgets what was before: after the breaker opened or closed, it says nothing any more."""
        self._all = [0] * SECONDS
        self._failed = [0] * SECONDS
        self._total = self._failures = 0

    def _turn(self, now: float) -> None:
        """Drops the seconds that have left the window."""
        second = int(now)
        for passed in range(max(self._second + 1, second - SECONDS + 1), second + 1):
            slot = passed % SECONDS
            self._total -= self._all[slot]
            self._failures -= self._failed[slot]
            self._all[slot] = self._failed[slot] = 0
        self._second = max(self._second, second)
