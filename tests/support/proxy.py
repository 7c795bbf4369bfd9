"""A TCP proxy in front of Postgres that can lose a connection's end, or swallow what passes, as networks do."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Self
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

LOOPBACK: Final = "127.0.0.1"
_PIECE: Final = 65536
_IDLE: Final = b"Z\x00\x00\x00\x05I"
"""Postgres says: ready, and in no transaction."""


class Mode(Enum):
    """What becomes of bytes that arrive."""

    FORWARD = auto()
    SWALLOW = auto()
    """A black hole: connections stand, new ones are taken, and nothing ever comes back."""
    REFUSE = auto()


class PostgresProxy:
    """`async with PostgresProxy(database_url) as proxy`: connect to `proxy.url` instead."""

    def __init__(self, database_url: str) -> None:
        parts = conninfo_to_dict(database_url)
        self._host, self._port = str(parts.get("host", LOOPBACK)), int(parts.get("port") or 5432)
        self._original = urlsplit(database_url)
        self._user, self._password = parts.get("user"), parts.get("password")
        self._mode = Mode.FORWARD
        self._through = asyncio.Event()
        self._through.set()
        self._pairs: set[_Pair] = set()
        self._lose_answer: Callable[[bytes], bool] | None = None
        self.lost_answers = 0
        self.opened = 0
        self.port = 0

    @property
    def url(self) -> str:
        credentials = f"{self._user}:{self._password}" if self._password else f"{self._user}"
        return f"postgresql://{credentials}@{LOOPBACK}:{self.port}{self._original.path}?sslmode=disable"

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def freeze(self) -> None:
        """From now on nothing passes; nobody is told."""
        self._mode = Mode.SWALLOW
        self._through.clear()

    def thaw(self, *, keep_connections: bool = True) -> None:
        """Everything passes again; what was held back too, or those connections stay dead for ever."""
        if not keep_connections:
            for pair in self._pairs:
                pair.dead = True
        self._mode = Mode.FORWARD
        self._through.set()

    def refuse(self) -> None:
        """Resets every connection, and each new one at once: a server that is gone."""
        self._mode = Mode.REFUSE
        self.cut_all()

    def accept(self) -> None:
        self._mode = Mode.FORWARD

    def cut_all(self) -> None:
        """Resets every connection."""
        for pair in list(self._pairs):
            pair.cut()

    def lose_answers(self, to: Callable[[bytes], bool] | None) -> None:
        """Where a client sends something for which `to(bytes)` is true, its transaction goes through, and the answer to
        the commit is lost with the connection.
        """
        self._lose_answer = to

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._through.set()
        self.cut_all()
        while self._pairs:  # noqa: ASYNC110 - connections end by themselves in a moment
            await asyncio.sleep(0.01)

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        self.opened += 1
        await self._through.wait()
        if self._mode is Mode.REFUSE:
            client_out.transport.abort()
            return
        try:
            if self._host.startswith("/"):
                server_in, server_out = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
            else:
                server_in, server_out = await asyncio.open_connection(self._host, self._port)
        except OSError:
            client_out.transport.abort()
            return
        pair = _Pair(client_out, server_out)
        self._pairs.add(pair)
        ways = [
            asyncio.create_task(self._pass_on(pair, client_in, server_out, from_client=True)),
            asyncio.create_task(self._pass_on(pair, server_in, client_out, from_client=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pair.cut()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._pairs.discard(pair)

    async def _pass_on(
        self, pair: "_Pair", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        while data := await reader.read(_PIECE):
            await self._through.wait()
            if pair.dead:
                await pair.over.wait()
                return
            if from_client and self._lose_answer is not None and self._lose_answer(data):
                pair.loses_answer = True
            elif not from_client and pair.loses_answer and _IDLE in data:
                self.lost_answers += 1
                return
            writer.write(data)
            await writer.drain()


class _Pair:
    """The two ends of one connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.dead = False
        self.over = asyncio.Event()
        self.loses_answer = False
        self._ends = (client, server)

    def cut(self) -> None:
        self.over.set()
        for end in self._ends:
            end.transport.abort()
