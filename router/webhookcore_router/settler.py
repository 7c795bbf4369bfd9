"""Settles deliveries in groups: what ended while the last statement ran goes into the next one."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from webhookcore.delivery.outcome import Abandoned, Failed
from webhookcore.delivery.schedule import next_retry_at
from webhookcore.notification.storable import stand_in, storable_json
from webhookcore.notification.text import cleaned
from webhookcore.store import inbox
from webhookcore.store.database import REFUSED, UNAVAILABLE, Connection, Database, refusal
from webhookcore.store.rows import DeadLetter, Row
from webhookcore_router.reports import Reports

_T = TypeVar("_T")

_log = logging.getLogger(__name__)
_MOST = 512
_RETRY_SECONDS = 0.5
_SETTLE_SECONDS = 10.0


def dead_letter(
    row: Row, attempts: int, outcome: Failed | Abandoned, now: datetime, backoff_minutes: Sequence[int]
) -> DeadLetter:
    """What becomes of a row whose delivery came to `outcome` at `now`."""
    due = None
    if isinstance(outcome, Failed):
        due = next_retry_at(now, 0, backoff_minutes, outcome.retry_after_seconds)
    return DeadLetter(row, attempts, storable_json(row.body), outcome.code, cleaned(outcome.detail), due, due is None)


@dataclass(frozen=True, slots=True)
class _Dead:
    letter: DeadLetter
    outcome: Failed | Abandoned


class Settler:
    """Takes rows out of the inbox, to nowhere or to the dead letter queue, and gives unsent ones back."""

    def __init__(self, database: Database, reports: Reports, backoff_minutes: Sequence[int]) -> None:
        self._database = database
        self._reports = reports
        self._backoff_minutes = backoff_minutes
        self._delivered: dict[UUID, list[int]] = {}
        self._letters: dict[UUID, list[_Dead]] = {}
        self._released: dict[UUID, list[Row]] = {}
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def delivered(self, me: UUID, row: Row) -> None:
        self._delivered.setdefault(me, []).append(row.id)
        self._wake()

    def dead(self, me: UUID, row: Row, outcome: Failed | Abandoned, attempts: int) -> None:
        letter = dead_letter(row, attempts, outcome, self._database.now(), self._backoff_minutes)
        self._letters.setdefault(me, []).append(_Dead(letter, outcome))
        self._wake()

    async def bury(self, conn: Connection, rows: list[Row], outcome: Failed) -> None:
        """Moves rows that nobody owns; the caller's transaction holds them locked."""
        now = self._database.now()
        dead = [_Dead(dead_letter(row, row.attempts, outcome, now, self._backoff_minutes), outcome) for row in rows]
        await self._dead_letter(conn, None, dead, now)

    def release(self, me: UUID, rows: list[Row]) -> None:
        if rows:
            self._released.setdefault(me, []).extend(rows)
            self._wake()

    def releasing(self) -> set[tuple[str, str]]:
        """The lanes (sender, route) of rows that are given back in memory and not yet in the database."""
        return {(row.sender, row.route) for rows in self._released.values() for row in rows if row.sender}

    def settles_as(self, me: UUID) -> bool:
        """Whether something of `me` is settled in memory and not yet in the database."""
        return me in self._delivered or me in self._letters or me in self._released

    async def idle(self) -> None:
        """Returns when nothing is left to settle."""
        await self._idle.wait()

    async def run(self) -> None:
        """Settles until cancelled. While the database is away it keeps what it has and tries again."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                async with self._database.connection() as conn:
                    while self._delivered or self._letters or self._released:
                        async with asyncio.timeout(_SETTLE_SECONDS):
                            await self._settle(conn)
            except UNAVAILABLE as error:
                _log.warning("settling waits for the database: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                self._work.set()
                continue
            if not (self._delivered or self._letters or self._released):
                self._idle.set()

    async def _settle(self, conn: Connection) -> None:
        """One statement a kind; what it settled is dropped from memory only after it."""
        now = self._database.now()
        for me, ids in list(self._delivered.items()):
            some = ids[:_MOST]
            missing = len(some) - await inbox.delivered(conn, me=me, ids=some)
            _drop(self._delivered, me, len(some))
            if missing:
                _log.warning("%d delivered events had been taken over by another router", missing)
        for me, dead in list(self._letters.items()):
            some_dead = dead[:_MOST]
            await self._dead_letter(conn, me, some_dead, now)
            _drop(self._letters, me, len(some_dead))
        for me, rows in list(self._released.items()):
            some_rows = rows[:_MOST]
            await inbox.release(conn, me=me, ids=[row.id for row in some_rows])
            _drop(self._released, me, len(some_rows))

    async def _dead_letter(self, conn: Connection, me: UUID | None, dead: list[_Dead], now: datetime) -> None:
        """Together if Postgres takes them, else one by one; one that it refuses goes without its readable payload.
        Tells of those that were still ours.
        """
        letters = [one.letter for one in dead]
        try:
            async with conn.transaction():  # the caller may have one that must outlive a refusal
                moved = await inbox.dead_letter(conn, me=me, letters=letters, now=now)
        except REFUSED as error:
            if len(dead) > 1:
                for one in dead:
                    await self._dead_letter(conn, me, [one], now)
                return
            _log.error("Postgres refused the payload of dead letter %d: %s", letters[0].row.id, refusal(error))
            payload = stand_in(letters[0].row.body, "refused by the database")
            moved = await inbox.dead_letter(conn, me=me, letters=[replace(letters[0], payload=payload)], now=now)
        for one in dead:
            if one.letter.row.id in moved:
                self._reports.dead_lettered(one.letter.row, one.outcome, one.letter.attempts, now)

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()


def _drop(groups: dict[UUID, list[_T]], me: UUID, count: int) -> None:
    del groups[me][:count]
    if not groups[me]:
        del groups[me]
