"""Looks into the database as an auditor would, and ages rows on purpose, so that the clean-up has something to remove.

The demo asks with its own statements: what the system's store says about itself is what is to be checked.
"""

from collections.abc import Sequence
from typing import Any, Final, LiteralString, Self

import psycopg
from psycopg import AsyncConnection

from demo.observed import Letter

_LETTERS: Final = """
SELECT idempotency_key, route, error_code, error_message, retry_count, attempts, processed, abandoned_at IS NOT NULL
FROM wa_dead_letter_queue ORDER BY created_at, id
"""
_WAITING: Final = "SELECT route, count(*) FROM inbox GROUP BY route"
_LETTERS_OF: Final = "SELECT count(*) FROM wa_dead_letter_queue WHERE route = %s"
_UNSETTLED: Final = "SELECT count(*) FROM wa_dead_letter_queue WHERE NOT processed AND abandoned_at IS NULL"
_MAKE_DUE: Final = """
UPDATE wa_dead_letter_queue SET next_retry_at = clock_timestamp()
WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL
"""
_COUNTS: Final = """
SELECT (SELECT count(*) FROM user_sessions), count(*) FILTER (WHERE processed),
       count(*) FILTER (WHERE abandoned_at IS NOT NULL)
FROM wa_dead_letter_queue
"""
KINDS: Final = ("sessions", "processed", "abandoned")
_AGE_SESSIONS: Final = """
UPDATE user_sessions SET last_interaction = last_interaction - interval '25 hours',
    rate_tat = rate_tat - interval '25 hours',
    created_at = created_at - interval '25 hours', updated_at = updated_at - interval '25 hours'
WHERE phone_number = ANY(%s)
"""
_AGE_PROCESSED: Final = """
UPDATE wa_dead_letter_queue SET processed_at = processed_at - interval '8 days',
    created_at = created_at - interval '8 days', updated_at = updated_at - interval '8 days'
WHERE processed AND route = %s
"""
_AGE_ABANDONED: Final = """
UPDATE wa_dead_letter_queue SET abandoned_at = abandoned_at - interval '31 days',
    created_at = created_at - interval '31 days', updated_at = updated_at - interval '31 days'
WHERE abandoned_at IS NOT NULL AND route = %s
"""


class Database:
    """`async with Database(url) as database`; one connection, each statement a transaction of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None

    async def __aenter__(self) -> Self:
        self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def letters(self) -> list[Letter]:
        return [Letter(*row) for row in await self._rows(_LETTERS)]

    async def letters_of(self, route: str) -> int:
        return await self._number(_LETTERS_OF, route)

    async def waiting(self) -> dict[str, int]:
        """Events in the inbox, by route."""
        return {str(route): int(count) for route, count in await self._rows(_WAITING)}

    async def unsettled(self) -> int:
        """Dead letters that are neither delivered nor abandoned."""
        return await self._number(_UNSETTLED)

    async def let_minutes_pass(self) -> None:
        """Whatever a dead letter's backoff still wants to wait is over."""
        await self._change(_MAKE_DUE)

    async def counts(self) -> dict[str, int]:
        """By KINDS."""
        (row,) = await self._rows(_COUNTS)
        return dict(zip(KINDS, map(int, row), strict=True))

    async def age(self, senders: Sequence[str], processed_of: str, abandoned_of: str) -> dict[str, int]:
        """Makes sessions a day older than they may get, processed dead letters of a route 8 days old and abandoned
        ones of another 31 days. How many there were, by KINDS.
        """
        changed = (
            await self._change(_AGE_SESSIONS, list(senders)),
            await self._change(_AGE_PROCESSED, processed_of),
            await self._change(_AGE_ABANDONED, abandoned_of),
        )
        return dict(zip(KINDS, changed, strict=True))

    async def _rows(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return await (await self._execute(statement, values)).fetchall()

    async def _number(self, statement: LiteralString, *values: object) -> int:
        ((number,),) = await self._rows(statement, *values)
        return int(number)

    async def _change(self, statement: LiteralString, *values: object) -> int:
        return (await self._execute(statement, values)).rowcount

    async def _execute(self, statement: LiteralString, values: Sequence[object]) -> psycopg.AsyncCursor[Any]:
        if self._connection is None:
            raise RuntimeError("not connected")
        return await self._connection.execute(statement, values)
