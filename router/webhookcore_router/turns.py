"""Keeps an order across tasks that finish in another: whoever took its turn first goes first."""

import asyncio
from collections import deque


class Turns:
    """Turns are taken in one order and come up in the same; each must be ended, however its holder fares."""

    def __init__(self) -> None:
        self._open: deque[asyncio.Future[None]] = deque()

    def take(self) -> asyncio.Future[None]:
        """A turn after all that were taken before: await it, then act, then `end` it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._open:
            turn.set_result(None)
        self._open.append(turn)
        return turn

    def end(self, turn: asyncio.Future[None]) -> None:
        """Over, or given up before it came: the next one comes up."""
        self._open.remove(turn)
        if self._open and not self._open[0].done():
            self._open[0].set_result(None)
