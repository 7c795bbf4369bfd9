"""One connection's worth of work on the database, with what can go wrong told in a line."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from webhookcore.store import on_call
from webhookcore.store.database import UNAVAILABLE, Connection
from webhookcore.store.schema import schema_state
from webhookcore.store.url import UrlError
from webhookcore_cli.trouble import EXIT_CONFIGURATION, TroubleError

T = TypeVar("T")


def work(url: str, task: Callable[[Connection, datetime], Awaitable[T]]) -> T:
    """Run `task(connection, now)`, now being the database's. TroubleError where it is away or has another schema."""

    async def connected() -> T:
        async with on_call.connected(url) as (conn, now):
            state = await schema_state(conn)
            if not state.usable:
                raise TroubleError(f"the database's schema does not fit: {state.problem}")
            return await task(conn, now)

    try:
        return asyncio.run(connected())
    except UrlError as error:
        raise TroubleError(f"{error}.", EXIT_CONFIGURATION) from None
    except UNAVAILABLE as error:
        raise TroubleError(
            f"the database cannot be reached: {_line(error)}. Is `webhookcore run` up, or DATABASE_URL right?"
        ) from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
