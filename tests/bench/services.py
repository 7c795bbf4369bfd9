"""The company's services: they answer at once, or never, and note when which event arrived."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Self, cast

from tests.bench.framing import complete
from tests.bench.notifications import number_of

from webhookcore_cli.local.small_http import LOOPBACK

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Services:
    """`async with Services() as services`: one listener that answers (`url`) and one that can be told not to."""

    on_delivery: Callable[[], None] | None = None
    """Told of each arrival."""

    def __init__(self) -> None:
        self.arrived: dict[int, float] = {}
        """When each event arrived first, by its number (monotonic seconds)."""
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for answers in (True, False):
            made = partial(_Service, self, answers=answers)
            self._servers.append(await loop.create_server(made, LOOPBACK, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(0.01)

    def url(self, *, hangs: bool = False) -> str:
        """Of the service that answers at once, or of the one that takes a request and never answers."""
        port = self._servers[hangs].sockets[0].getsockname()[1]
        return f"http://{LOOPBACK}:{port}/webhook"

    def took(self, request: bytes) -> None:
        self.arrived.setdefault(number_of(request), time.monotonic())
        if self.on_delivery is not None:
            self.on_delivery()

    async def until(self, events: int, seconds: float = 600.0) -> None:
        """Waits until so many different events have arrived."""
        async with asyncio.timeout(seconds):
            while len(self.arrived) < events:  # noqa: ASYNC110 - an event would cost every delivery
                await asyncio.sleep(0.05)

    async def quiet(self, seconds: float = 0.5) -> None:
        """Waits until nothing has arrived for so long."""
        before = -1
        while before != len(self.arrived):
            before = len(self.arrived)
            await asyncio.sleep(seconds)

    def rate(self, since: float, until: float) -> float:
        """Events a second that arrived between two moments."""
        return sum(1 for at in self.arrived.values() if since <= at < until) / (until - since)


class _Service(asyncio.Protocol):
    """One connection of a router's."""

    def __init__(self, services: Services, *, answers: bool) -> None:
        self._services = services
        self._answers = answers
        self._data = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        if not self._answers:
            return
        if self._data:
            data = self._data + data
        if not complete(data):
            self._data = data
            return
        self._data = b""
        self._transport.write(_ANSWER)
        self._services.took(data)
