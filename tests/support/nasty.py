"""Services that misbehave on the wire, below what an HTTP library would let them: drip, reset, lie, never end."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
WAIT_SECONDS: Final = 30.0
_TLS: Final = Path(__file__).with_name("tls")
AUTHORITY: Final = _TLS / "authority.pem"
"""Who signed the certificate of a server with `tls`: nobody but the tests knows it, and its key is gone."""

Behaviour = Callable[[asyncio.StreamWriter], Coroutine[None, None, None]]
"""What is done with a connection once a whole request has been read from it."""


class NastyServer:
    """`async with NastyServer(behaviour, ...) as server`: the first request gets the first behaviour, and so on; the
    last one repeats. Records each request as bytes.
    """

    def __init__(self, *behaviours: Behaviour, tls: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._behaviours = behaviours
        self._tls = tls
        self._open: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{LOOPBACK}:{self.port}/webhook"

    def heads(self) -> list[dict[str, str]]:
        """The headers of each request, their names in lower case."""
        heads = []
        for request in self.requests:
            lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
            heads.append({name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)})
        return heads

    async def all_closed(self) -> None:
        """Returns when no connection is open any more."""
        await self.until(lambda: not self._open)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Returns when it has happened; asked again after each request and each end of a connection."""
        async with asyncio.timeout(WAIT_SECONDS), self._changed:
            await self._changed.wait_for(happened)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=_tls_context() if self._tls else None)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while True:
                self.requests.append(await _read_request(reader))
                await self._tell()
                behaviour = self._behaviours[min(len(self.requests), len(self._behaviours)) - 1]
                await _while_connected(behaviour(writer), reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()
            self._open.discard(task)
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_TLS / "server.pem")
    return context


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or 0))


async def _while_connected(
    behaviour: Coroutine[None, None, None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Ends a behaviour when its client goes away, also one that writes nothing and would never notice."""
    task = asyncio.create_task(behaviour)
    try:
        while not task.done() and not reader.at_eof():
            await asyncio.wait([task], timeout=0.01)
        if task.done():
            task.result()
    finally:
        task.cancel()
    if reader.at_eof() or writer.is_closing():
        raise ConnectionResetError


def answers(status: int, reason: str = "Answer", headers: str = "", body: bytes = b"ok") -> Behaviour:
    """A well-formed answer; `headers` are whole lines."""
    length = "" if status in (204, 304) else f"Content-Length: {len(body)}\r\n"
    return sends(f"HTTP/1.1 {status} {reason}\r\n{length}{headers}\r\n".encode() + (body if length else b""))


def sends(data: bytes) -> Behaviour:
    """Any bytes, and waits for more requests."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return behave


def sends_and_closes(data: bytes) -> Behaviour:
    """Any bytes, and the end of the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return behave


def drips(data: bytes, *, after: bytes = b"", every_seconds: float = 0.05) -> Behaviour:
    """`after` at once, then `data` over and over, a byte at a time."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        while True:
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(every_seconds)

    return behave


def pours(head: bytes, piece: bytes, times: int) -> Behaviour:
    """`head`, then `piece` so many times, as fast as the client takes it."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(times):
            writer.write(piece)
            await writer.drain()

    return behave


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Nothing, for ever."""
    del writer
    await asyncio.Event().wait()


async def resets(writer: asyncio.StreamWriter) -> None:
    """A TCP reset instead of an answer."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def never_accepts() -> Iterator[int]:
    """The port of a listener whose queue is full: connecting to it takes for ever."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex((LOOPBACK, port))
            yield port
        finally:
            for client in waiting:
                client.close()
