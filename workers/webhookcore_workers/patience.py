"""A database that is away for a moment must not cost a run its results: the same statement again, for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from webhookcore.store.database import UNAVAILABLE, Connection, Database

_T = TypeVar("_T")

PATIENCE_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.25


class DatabaseLostError(Exception):
    """The database did not come back in time."""


async def patiently(database: Database, act: Callable[[Connection], Awaitable[_T]]) -> _T:
    """`act` on a connection, again while the database is away. Raises DatabaseLostError after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            async with database.connection() as conn:
                return await act(conn)
        except UNAVAILABLE as error:
            if time.monotonic() >= deadline:
                raise DatabaseLostError(f"the database is away: {' '.join(str(error).split())}") from error
        await asyncio.sleep(_PAUSE_SECONDS)
