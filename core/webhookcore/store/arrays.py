"""Array parameters in Postgres's binary format: a flush carries a score of them, and psycopg's own lists are slower."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER: Final = struct.Struct("!iIIii")
"""Dimensions, whether there are nulls, the element type; then for the one dimension its length and lower bound."""
_LENGTH: Final = struct.Struct("!i").pack
_TIMESTAMP: Final = struct.Struct("!iq").pack
_NULL: Final = _LENGTH(-1)
_BOOLEANS: Final = {True: b"\0\0\0\1\1", False: b"\0\0\0\1\0"}
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Texts(list[str | None]):
    """A text[]."""


class Blobs(list[bytes]):
    """A bytea[]."""


class Times(list[datetime | None]):
    """A timestamptz[]."""


class Booleans(list[bool]):
    """A boolean[]."""


class _ArrayDumper(Dumper):
    format = Format.BINARY
    element: int

    def dump(self, obj: Any) -> Buffer:
        if not obj:
            return struct.pack("!iII", 0, 0, self.element)
        return _HEADER.pack(1, 1, self.element, len(obj), 1) + b"".join(self.elements(obj))

    def elements(self, obj: Any) -> list[bytes]:
        raise NotImplementedError


class _TextsDumper(_ArrayDumper):
    oid, element = 1009, 25

    def elements(self, obj: Texts) -> list[bytes]:
        return [_NULL if text is None else _LENGTH(len(data := text.encode())) + data for text in obj]


class _BlobsDumper(_ArrayDumper):
    oid, element = 1001, 17

    def elements(self, obj: Blobs) -> list[bytes]:
        return [_LENGTH(len(blob)) + blob for blob in obj]


class _TimesDumper(_ArrayDumper):
    oid, element = 1185, 1184

    def elements(self, obj: Times) -> list[bytes]:
        return [_NULL if time is None else _TIMESTAMP(8, (time - _EPOCH) // _MICROSECOND) for time in obj]


class _BooleansDumper(_ArrayDumper):
    oid, element = 1000, 16

    def elements(self, obj: Booleans) -> list[bytes]:
        return [_BOOLEANS[value] for value in obj]


def register(conn: AsyncConnection[Any]) -> None:
    """Teaches a connection the four kinds."""
    for kind, dumper in (
        (Texts, _TextsDumper),
        (Blobs, _BlobsDumper),
        (Times, _TimesDumper),
        (Booleans, _BooleansDumper),
    ):
        conn.adapters.register_dumper(kind, dumper)
