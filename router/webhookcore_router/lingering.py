"""Closes a connection whose client still sends what nobody will read, so that the client can read the answer.

A socket that is closed with unread bytes resets its connection, and the reset may overtake the answer at the client: it
would see "connection reset" in place of a 413 (RFC 9112, section 9.6).
"""

import asyncio
from typing import Any, Final

from sanic.server.protocols.http_protocol import HttpProtocol

SECONDS: Final = 2.0
MOST_BYTES: Final = 16 * 1024 * 1024


class LingeringHttpProtocol(HttpProtocol):
    """Sanic's protocol; a connection marked `lingers` is half closed first, and what still comes is dropped."""

    __slots__ = ("lingers",)

    lingers: bool

    def connection_made(self, transport: Any) -> None:
        self.lingers = False
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # Sanic's has no types

    def close(self, timeout: float | None = None) -> None:
        if self.lingers and self.transport is not None and not self.transport.is_closing():
            self.lingers = False  # asked a second time, it closes at once
            _Dropping(self).begin(self.transport)
        else:
            super().close(timeout)


class _Dropping(asyncio.Protocol):
    """Takes the connection over for its last moments: until the client is done, or has had time and bytes enough."""

    def __init__(self, before: LingeringHttpProtocol) -> None:
        self._before: Any = before  # Sanic's own types end here
        self._left = MOST_BYTES

    def begin(self, transport: asyncio.Transport) -> None:
        self._end = asyncio.get_running_loop().call_later(SECONDS, self._before.close)
        transport.set_protocol(self)
        transport.write_eof()
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._before.close()

    def pause_writing(self) -> None:
        self._before.pause_writing()

    def resume_writing(self) -> None:
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        self._before.connection_lost(exc)
