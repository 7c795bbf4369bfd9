"""What a claim takes from the inbox, and what it leaves: bounds of a window, lanes under way, and what a row keeps."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from webhookcore.delivery.breaker import CLOSED, Circuit, open_again, probing
from webhookcore.store import breakers as store
from webhookcore.store import inbox, instances
from webhookcore.store.database import Connection, Database
from webhookcore.store.inbox import Room
from webhookcore.store.rows import DeadLetter
from webhookcore_router.breakers import Breakers

MANY = Room(100, 1_000_000)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, size=2)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def me(database: Database) -> UUID:
    """A router that is registered."""
    made, now = uuid4(), database.now()
    async with database.connection() as conn:
        await instances.register(conn, me=made, host="here", now=now, lease_until=now + timedelta(hours=1))
    return made


async def waiting(
    conn: Connection, sender: str, *, size: int = 10, owner: UUID | None = None, taken: bool = False
) -> int:
    """The id of a row that waits for the route `mobility`, or that `owner` has."""
    cursor = await conn.execute(
        """
        INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason,
                           correlation_id, request_id, body, taken_over)
        VALUES (%s, 'mobility', %s, 1, now(), now() - interval '1 minute', 'k', 'keyword', 'c', 'q',
                convert_to(repeat('x', %s), 'UTF8'), %s)
        RETURNING id
        """,
        (sender, owner, size, taken),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_claim_is_bounded_in_bytes(database: Database, me: UUID) -> None:
    """However many rows there is room for: the last one may reach beyond the bytes, and none comes after it. One alone
    is claimed whatever its size, or it would wait for ever.
    """
    async with database.connection() as conn:
        ids = [await waiting(conn, f"s{number}", size=100_000) for number in range(8)]
        taken = await inbox.claim(conn, me=me, rooms={"mobility": Room(2048, 250_000)}, now=database.now())
        assert [row.id for row in taken] == ids[:3]
        taken = await inbox.claim(conn, me=me, rooms={"mobility": Room(2, 1_000_000)}, now=database.now())
        assert [row.id for row in taken] == ids[3:5]
        taken = await inbox.claim(conn, me=me, rooms={"mobility": Room(9, 1)}, now=database.now())
        assert [row.id for row in taken] == ids[5:6]


async def test_a_probe_is_of_no_lane_that_is_under_way(database: Database, me: UUID) -> None:
    """A delivery that began before the breaker opened may outlast its wait: what is behind it in its lane is no probe,
    though the router that probes is the one that delivers. A claim takes it: there it waits in memory.
    """
    async with database.connection() as conn:
        await waiting(conn, "busy", owner=me)
        behind = await waiting(conn, "busy")
        now = database.now()
        opened = open_again(CLOSED, now - timedelta(minutes=2))
        assert await store.opened(conn, service="mobility", state=opened, now=now)
        half_open = probing(opened, me, now, timedelta(seconds=9))
        assert await inbox.claim_probe(conn, me=me, route="mobility", state=half_open, now=now) is None
        free = await waiting(conn, "free")
        row = await inbox.claim_probe(conn, me=me, route="mobility", state=half_open, now=now)
        assert row is not None
        assert row.id == free
        assert [row.id for row in await inbox.claim(conn, me=me, rooms={"mobility": MANY}, now=now)] == [behind]


async def test_a_dead_letter_remembers_that_it_may_have_been_sent(database: Database, me: UUID) -> None:
    """A router that is gone may have sent a home menu: nobody wants it twice, however it came to wait again."""
    async with database.connection() as conn:
        for taken in (True, False):
            await waiting(conn, f"s{taken}", taken=taken)
        now = database.now()
        rows = await inbox.claim(conn, me=me, rooms={"mobility": MANY}, now=now)
        letters = [DeadLetter(row, row.attempts, "{}", "Expired", "waited", now, abandoned=False) for row in rows]
        assert len(await inbox.dead_letter(conn, me=me, letters=letters, now=now)) == 2
        cursor = await conn.execute("SELECT from_number, taken_over FROM wa_dead_letter_queue")
        assert dict(await cursor.fetchall()) == {"sTrue": True, "sFalse": False}


async def test_a_probe_that_was_not_sent_leaves_the_next_one_its_turn(database: Database, me: UUID) -> None:
    """Whoever comes next may probe at once, on any router; the wait after a failure is as long as before."""
    mine, other = [
        Breakers(database, ["mobility"], probe_seconds=9, on_open=lambda _: None, on_close=lambda _: None)
        for _ in range(2)
    ]
    async with database.connection() as conn:
        before = open_again(CLOSED, database.now() - timedelta(minutes=1))
        await store.opened(conn, service="mobility", state=before, now=database.now())
        for each in (mine, other):
            await each.exchange(conn)
        assert await mine.take_probe(conn, "mobility", me)
        await other.exchange(conn)
        assert other.due(database.now()) == []
        mine.give_up_probe("mobility")
        for each in (mine, other):
            await each.exchange(conn)
            assert each.due(database.now()) == ["mobility"]
            assert (each.state("mobility").state, each.state("mobility").failures) == (Circuit.OPEN, before.failures)
