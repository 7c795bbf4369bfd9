"""Receives a request's body within bounds: its time, and the memory that all half-received ones hold together."""

import asyncio
from typing import Any

from sanic import Request
from sanic.exceptions import PayloadTooLarge, RequestTimeout, ServiceUnavailable


class Receiving:
    """What a listener allows its clients. Who sends slowly holds memory, and has not yet proved to be anybody."""

    def __init__(self, *, seconds: float, most_bytes: int) -> None:
        self.seconds = seconds
        self._most_bytes = most_bytes
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Room for `size` more bytes; to be given back."""
        if self._bytes + size > self._most_bytes:
            return False
        self._bytes += size
        return True

    def give_back(self, size: int) -> None:
        self._bytes -= size


class BoundedRequest(Request):
    """A request whose body must be there in time: Sanic's own timeouts begin anew with each byte. The app's
    `ctx.receiving` holds the bounds.
    """

    async def receive_body(self) -> None:
        stream: Any = self.stream
        if 0 < stream.request_bytes_left <= len(stream.recv_buffer):
            self.body = await stream.read()  # came with the header, as most do
            stream.request_body = None
            return
        receiving: Receiving = self.app.ctx.receiving
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(receiving.seconds):
                async for data in stream:
                    if not receiving.take(len(data)):
                        _stop_reading(stream)
                        raise ServiceUnavailable("too many bodies are being received", headers={"Retry-After": "1"})
                    parts.append(data)
            self.body = b"".join(parts)
        except PayloadTooLarge:
            _stop_reading(stream)
            raise
        except TimeoutError:
            _stop_reading(stream)
            raise RequestTimeout("the body did not arrive in time") from None
        finally:
            receiving.give_back(sum(map(len, parts)))


def _stop_reading(stream: Any) -> None:
    stream.request_body = None  # else Sanic waits for the rest, and nothing ends that any more
    stream.keep_alive = False
    stream.protocol.lingers = True
