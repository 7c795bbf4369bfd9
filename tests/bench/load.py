"""The load: keep-alive connections to a server, in closed or in open loop.

It runs in the event loop of the benchmark itself, with as little Python for each request as there can be: the server is
to be the slower one.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import Final, Self, cast

from tests.bench.answers import Answer, Answers
from tests.bench.framing import complete
from tests.bench.services import Services

from webhookcore_cli.local.small_http import LOOPBACK

now = time.monotonic

_TICK: Final = 0.001
_PATIENCE: Final = 20.0


class Load:
    """`async with Load(port, request, connections) as load`; `request(number)` makes the whole POST of a number.

    Each request has a number of its own; loads on one server share where these come from.
    """

    def __init__(
        self, port: int, request: Callable[[int], bytes], connections: int, numbers: Iterator[int] | None = None
    ) -> None:
        self._port = port
        self._request = request
        self._wanted = connections
        self._connections: list[_Connection] = []
        self._free: list[_Connection] = []
        self._numbers = numbers or itertools.count()
        self._sent = 0
        self._answers = Answers()
        self._more: Callable[[], bool] = _never

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._wanted):
            _, connection = await loop.create_connection(lambda: _Connection(self), LOOPBACK, self._port)
            self._connections.append(connection)
            self._free.append(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.transport.close()
        await asyncio.sleep(0.01)

    async def closed(self, seconds: float) -> Answers:
        """Each connection sends its next request as soon as it has an answer."""
        until = now() + seconds
        return await self._run(lambda: now() < until, seconds)

    async def count(self, requests: int) -> Answers:
        """So many requests, each connection's next one as soon as it has an answer."""
        until = self._sent + requests
        return await self._run(lambda: self._sent < until, 0.0)

    async def whole_way(self, seconds: float, services: Services, most: int) -> Answers:
        """As `closed`, with at most so many events between their POST and their delivery."""
        until = now() + seconds
        delivered_elsewhere = len(services.arrived) - self._sent

        def more() -> bool:
            under_way = self._sent - (len(services.arrived) - delivered_elsewhere)
            return under_way < most and now() < until

        services.on_delivery = self._pump
        try:
            return await self._run(more, seconds)
        finally:
            services.on_delivery = None

    async def open(self, rate: float, seconds: float) -> Answers:
        """`rate` requests a second, arriving at random, whatever the answers do: where all connections are busy a
        request waits for one.
        """
        answers = self._answers = Answers()
        due = now()
        until = due + seconds
        while due < until:
            moment = now()
            while due <= moment and self._free:
                self._send(self._free.pop(), due)
                due += random.expovariate(rate)
            await asyncio.sleep(_TICK)
        return await self._finish(answers)

    def idle(self, connection: "_Connection", status: int) -> None:
        """A connection has its answer."""
        self._answers.all.append(Answer(connection.number, status, connection.due, now()))
        self._free.append(connection)
        self._pump()

    async def _run(self, more: Callable[[], bool], seconds: float) -> Answers:
        answers = self._answers = Answers()
        self._more = more
        self._pump()
        await asyncio.sleep(seconds)
        while self._more():  # noqa: ASYNC110 - an event would cost every answer
            await asyncio.sleep(0.01)
        self._more = _never
        return await self._finish(answers)

    def _pump(self) -> None:
        while self._free and self._more():
            self._send(self._free.pop(), now())

    def _send(self, connection: "_Connection", due: float) -> None:
        number = next(self._numbers)
        self._sent += 1
        connection.send(number, self._request(number), due)

    async def _finish(self, answers: Answers) -> Answers:
        give_up = now() + _PATIENCE
        while len(self._free) < len(self._connections) and now() < give_up:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        answers.unanswered = len(self._connections) - len(self._free)
        return answers


class _Connection(asyncio.Protocol):
    """Has one request under way at most."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._data = b""
        self.number = -1
        self.due = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class

    def send(self, number: int, request: bytes, due: float) -> None:
        self.number, self.due = number, due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._data:
            data = self._data + data
        if not complete(data):
            self._data = data
            return
        self._data = b""
        self._load.idle(self, int(data[9:12]))


def _never() -> bool:
    return False
