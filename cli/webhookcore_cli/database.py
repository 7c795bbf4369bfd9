"""One connection's worth of work on the database, with what can go wrong told in a line."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from webhookcore.store.database import UNAVAILABLE, Connection, Database
from webhookcore.store.schema import schema_state
from webhookcore_cli.trouble import TroubleError

WAIT_SECONDS: Final = 5.0
T = TypeVar("T")


def work(url: str, task: Callable[[Connection, datetime], Awaitable[T]]) -> T:
    """Run `task(connection, now)`, now being the database's. TroubleError where it is away or has another schema."""

    async def connected() -> T:
        database = Database(url, size=1, application="webhookcore-cli")
        await database.open()
        try:
            if not await database.wait_until_reachable(WAIT_SECONDS):
                raise TroubleError(_unreachable("nobody answered in time"))
            async with database.connection() as conn:
                state = await schema_state(conn)
                if not state.usable:
                    raise TroubleError(f"the database's schema does not fit: {state.problem}")
                return await task(conn, database.now())
        finally:
            await database.close()

    try:
        return asyncio.run(connected())
    except UNAVAILABLE as error:
        raise TroubleError(_unreachable(" ".join(str(error).split()))) from None


def _unreachable(why: str) -> str:
    return f"the database cannot be reached: {why}. Is `webhookcore run` up, or DATABASE_URL right?"
