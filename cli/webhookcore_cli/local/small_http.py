"""A small HTTP/1.1 server, on a loopback port unless told otherwise: example services and tests are made of it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses
from typing import Final, Self

import httptools

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read whole; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; its length is added."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        first = f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"
        lines = [first, *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.status == HTTPStatus.NO_CONTENT:
            return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "\r\n"]).encode("latin-1") + self.body


Handler = Callable[[Request], Answer | Awaitable[Answer]]
"""One that awaits may raise ConnectionResetError: then the connection is closed without an answer."""


class SmallServer:
    """Serves `handler` until it is stopped; may be started again on the same port."""

    def __init__(self, handler: Handler, port: int = 0, *, host: str = LOOPBACK) -> None:
        """Port 0: any free one, chosen at the first start and kept. An empty host: every address."""
        self.handler = handler
        self.port = port
        self._host = host
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is still connected."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in list(self.connections):
            connection.cut()
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Connection(asyncio.Protocol):
    """One connection: its requests are answered one after the other."""

    def __init__(self, server: SmallServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._answering: asyncio.Task[None] | None = None
        self._start()

    def _start(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's own type is wider than what it gives
        self._transport = transport
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(Answer(400, {"Connection": "close"}), last=True)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        self._transport = None
        if self._answering is not None:
            self._answering.cancel()

    # httptools' callbacks

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        request = Request(method, self._target.decode("latin-1"), self._headers, b"".join(self._body))
        last = not self._parser.should_keep_alive()
        self._start()
        answer = self._server.handler(request)
        if inspect.isawaitable(answer):
            self._answering = asyncio.ensure_future(self._answer_later(answer, self._answering, last=last))
        else:
            self._write(answer, last=last)

    async def _answer_later(self, answer: Awaitable[Answer], before: asyncio.Task[None] | None, *, last: bool) -> None:
        if before is not None:
            await before
        try:
            self._write(await answer, last=last)
        except ConnectionResetError:
            self.cut()

    def _write(self, answer: Answer, *, last: bool) -> None:
        if self._transport is not None:
            self._transport.write(answer.encode())
            if last:
                self._transport.close()
