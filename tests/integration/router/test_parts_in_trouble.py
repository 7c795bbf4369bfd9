"""A router's parts while the database is away, hangs, or keeps its answer to itself: in the test's own process, where
each part can be asked what it makes of it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support import meta
from tests.support.config import environment, route, write_config
from tests.support.in_process import router, submit
from tests.support.proxy import PostgresProxy
from tests.support.scene import TOWN, connect, number
from tests.support.services import Answer, FakeService

from webhookcore.settings import load_settings
from webhookcore.store.database import Clock
from webhookcore.store.migrate import migrate
from webhookcore.store.rows import Row
from webhookcore_router.committer import NotKeptError
from webhookcore_router.limits import Limits
from webhookcore_router.router import Router

SHORT = Limits(flush_seconds=1.0, heartbeat_seconds=0.3, lease_seconds=2.0, claim_interval=0.05, drain_serve_seconds=0)
PATIENCE = 60.0
LATE = Row(0, "0", "mobility", 1, datetime.now(UTC), None, "key", "keyword", None, "corr", "req", None, b"{}")


@pytest.fixture
async def mobility() -> AsyncIterator[FakeService]:
    async with FakeService() as service:
        yield service


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(database_url) as it:
        yield it


def town(mobility: FakeService) -> dict[str, dict[str, Any]]:
    return {"mobility": {**TOWN["mobility"], "url": mobility.url, "retry": {"inRequest": 0}}}


async def kept_again(it: Router) -> None:
    """Sends a message as Meta would: the same one, until it is kept."""
    message = meta.text("taxi", number())
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await submit(it, message)
            except NotKeptError:
                await asyncio.sleep(0.1)
            else:
                return


async def emptied(database_url: str) -> None:
    """Returns when the inbox is empty."""
    with connect(database_url) as conn:
        async with asyncio.timeout(PATIENCE):
            while conn.execute("SELECT 1 FROM inbox LIMIT 1").fetchone() is not None:  # noqa: ASYNC110 - the database is asked
                await asyncio.sleep(0.02)


async def told(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while words not in caplog.text:  # noqa: ASYNC110 - it is a log that is read
            await asyncio.sleep(0.02)


async def test_every_part_waits_for_a_database_that_is_away(
    database_url: str, proxy: PostgresProxy, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """Flushes fail in time, heartbeats, claims, breakers and settling are tried again, what was under way is settled
    when the database is back, and everything goes on under a lease.
    """
    refused = asyncio.Event()
    mobility.answer_next(Answer(after=refused))
    async with router(proxy.url, tmp_path, town(mobility), SHORT) as it:
        await submit(it, meta.text("taxi", number()))
        await mobility.wait_for(1)
        proxy.refuse()
        refused.set()
        # Which of the two is a matter of who finds the broken connection first: this flush, or the pool.
        with pytest.raises(NotKeptError, match=r"the database (is away|does not answer)"):
            await submit(it, meta.text("taxi", number()))
        for words in ("settling waits", "heartbeat failed", "claiming waits", "breakers are not shared"):
            await told(caplog, words)
        proxy.accept()
        await kept_again(it)
        await emptied(database_url)
    assert len(mobility.requests) == 2


async def test_a_flush_that_hangs_is_given_up(
    database_url: str, proxy: PostgresProxy, tmp_path: Path, mobility: FakeService
) -> None:
    """Nobody may know what a hanging transaction came to: its notification is refused in time, and the router goes on
    under a new identity.
    """
    async with router(proxy.url, tmp_path, town(mobility), SHORT) as it:
        before = it.lease.me
        proxy.freeze()
        with pytest.raises(NotKeptError, match="does not answer"):
            await submit(it, meta.text("taxi", number()))
        proxy.thaw(keep_connections=False)
        await kept_again(it)
        await emptied(database_url)
        assert it.lease.me != before


async def test_a_commit_whose_answer_is_lost(
    database_url: str, proxy: PostgresProxy, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """It went through, and the router cannot know: it refuses the notification, gives its old identity back with what
    that owns, and delivers it as anything that waits: once, however often it is sent.
    """
    message = meta.text("taxi unknown", number())
    async with router(proxy.url, tmp_path, town(mobility), SHORT) as it:
        proxy.lose_answers(lambda data: b"taxi unknown" in data)
        with pytest.raises(NotKeptError):
            await submit(it, message)
        proxy.lose_answers(None)
        await kept_again(it)
        await mobility.wait_for(2)
        assert (await submit(it, message))[0].reason == "duplicate"
        await told(caplog, "by a transaction that seemed to fail")
        await emptied(database_url)
    assert mobility.keys().count(message["id"]) == 1


async def test_a_drain_while_the_database_is_away(
    database_url: str, proxy: PostgresProxy, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends all the same, in time: leases run out by themselves."""
    async with router(proxy.url, tmp_path, town(mobility), SHORT):
        proxy.refuse()
    assert "what a drain writes last is not written" in caplog.text
    with connect(database_url) as conn:
        assert len(conn.execute("SELECT 1 FROM router_instances").fetchall()) == 1


async def test_a_start_before_the_database_and_its_schema(
    empty_database_url: str, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """A router waits: for a database that does not answer, then for the schema, and says what for; then it is ready."""
    caplog.set_level(logging.INFO)
    async with PostgresProxy(empty_database_url) as proxy:
        proxy.refuse()
        path = write_config(tmp_path, *(route(name, **fields) for name, fields in town(mobility).items()))
        it = Router(load_settings(path, environment(proxy.url)), SHORT, (), on_failure=lambda: None)
        starting = asyncio.create_task(it.start(lambda: 0.5))
        await told(caplog, "the database does not answer")
        assert not it.accepting
        proxy.accept()
        await told(caplog, "the schema does not fit")
        assert not it.accepting
        migrate(empty_database_url, say=lambda _: None)
        async with asyncio.timeout(PATIENCE):
            await starting
        assert it.accepting
        await kept_again(it)
        await emptied(empty_database_url)
        await it.drain()
    assert len(mobility.requests) == 1


async def test_what_was_taken_over_is_not_settled(
    database_url: str, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that another router took over during its delivery stays that router's."""
    taken_over = asyncio.Event()
    mobility.answer_next(Answer(after=taken_over))
    async with router(database_url, tmp_path, town(mobility)) as it:
        await submit(it, meta.text("taxi", number()))
        await mobility.wait_for(1)
        with connect(database_url) as conn:
            conn.execute(
                "INSERT INTO router_instances SELECT gen_random_uuid(), host, started_at, lease_until "
                "FROM router_instances"
            )
            conn.execute("UPDATE inbox SET owner = (SELECT id FROM router_instances WHERE id <> %s)", [it.lease.me])
            taken_over.set()
            await told(caplog, "1 delivered events had been taken over by another router")
            assert len(conn.execute("SELECT 1 FROM inbox").fetchall()) == 1


async def test_a_send_never_starts_without_a_lease(database_url: str, tmp_path: Path, mobility: FakeService) -> None:
    """What is kept under a lease that ends before the delivery could is given back unsent, and delivered once the lease
    stands again.
    """
    async with router(database_url, tmp_path, town(mobility)) as it:
        until, it.lease._until = it.lease._until, 0.0
        await submit(it, meta.text("taxi", number()))
        await asyncio.sleep(0.3)
        assert mobility.requests == []
        it.lease._until = until
        await emptied(database_url)
    assert len(mobility.requests) == 1


async def test_a_row_of_before_a_doubt_is_given_back_alone(
    database_url: str, tmp_path: Path, mobility: FakeService
) -> None:
    """What a flush kept as the identity of before comes late: it goes back as that one's, and what waits behind it as
    the present one's. Given back under a name that does not own it, it would stay this router's, and known to nobody.
    """
    sender, given_back = number(), asyncio.Event()
    mobility.answer_next(Answer(after=given_back))
    async with router(database_url, tmp_path, town(mobility)) as it:
        await submit(it, meta.text("taxi", sender))
        await mobility.wait_for(1)
        await submit(it, meta.text("taxi again", sender))
        async with asyncio.timeout(30):  # what comes while a claim runs is taken up at its end
            while it.dispatcher.held() != 2 or it.dispatcher._collected is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        late = replace(LATE, sender=number(), received_at=it.now())
        it.dispatcher.add(uuid4(), [late], it.dispatcher.generations())
        assert it.dispatcher.held() == 1
        given_back.set()
        await emptied(database_url)
    assert len(mobility.requests) == 2


async def test_what_is_given_back_is_not_overtaken(database_url: str, tmp_path: Path, mobility: FakeService) -> None:
    """Until it is written that rows are given back, nothing of their route is claimed."""
    async with router(database_url, tmp_path, town(mobility)) as it:
        assert "mobility" in it.dispatcher.rooms_to_refill()
        it.settler.release(it.lease.me, [LATE])
        assert "mobility" not in it.dispatcher.rooms_to_refill()
        async with asyncio.timeout(PATIENCE):
            while "mobility" not in it.dispatcher.rooms_to_refill():  # noqa: ASYNC110 - the settler sets no event
                await asyncio.sleep(0.02)


async def test_a_drain_that_may_not_write_its_numbers(
    database_url: str, tmp_path: Path, mobility: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    """A role that lacks a right on a table of numbers gives its lease back all the same."""
    async with router(database_url, tmp_path, town(mobility)) as it:
        await submit(it, meta.text("taxi", number()))
        await emptied(database_url)
        with connect(database_url) as conn:
            conn.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE insufficient_privilege; END $$"
            )
            conn.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON service_metrics FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
    assert "what a drain writes last is not written" in caplog.text
    with connect(database_url) as conn:
        assert conn.execute("SELECT 1 FROM router_instances").fetchall() == []


def test_a_clock_that_was_never_measured() -> None:
    """Before the first connection the time is this machine's."""
    before = datetime.now(UTC)
    assert before <= Clock().now() <= datetime.now(UTC)
