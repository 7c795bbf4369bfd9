"""The day's clock, sped up."""

import asyncio
from datetime import timedelta

from demo.day import clock


class DayClock:
    """Starts when it is made, at `begin`; `speed` seconds of the day pass in each second."""

    def __init__(self, begin: timedelta, speed: float) -> None:
        self._begin = begin
        self._speed = speed
        self._started = asyncio.get_running_loop().time()

    def now(self) -> timedelta:
        return self._begin + timedelta(seconds=(asyncio.get_running_loop().time() - self._started) * self._speed)

    def text(self) -> str:
        return clock(self.now())

    async def reaches(self, at: timedelta) -> None:
        """Returns at that time of the day, at once where it is over."""
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds() / self._speed))
