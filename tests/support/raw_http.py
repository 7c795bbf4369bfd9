"""HTTP by hand: what no client library would send, and each byte of what comes back."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(port: int, *pieces: bytes, host: str = "127.0.0.1") -> RawAnswer | None:
    """Sends the pieces, each as far as it is taken, and reads one answer; None when the connection ends without one."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        sending = asyncio.create_task(_send(writer, pieces))
        try:
            return await read_answer(reader)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer | None:
    """100 Continue is passed over."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return RawAnswer(int(first.split()[1]), headers, body)


async def _send(writer: asyncio.StreamWriter, pieces: tuple[bytes, ...]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()


def post(path: str, body: bytes, *headers: str, length: bool = True) -> bytes:
    """A POST as bytes; `headers` are whole lines."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes, size: int = 65_536) -> bytes:
    """A body in chunks, without the last one that would end it."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
