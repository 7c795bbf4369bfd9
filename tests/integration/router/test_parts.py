"""What only a router's parts can be asked, in the test's own process: the end of a minute, what a defect does, a
lease that is gone, and bounds.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import DictRow
from tests.support import meta
from tests.support.config import environment, route, write_config
from tests.support.in_process import router, submit
from tests.support.postgres import Databases
from tests.support.raw_http import exchange, post
from tests.support.scene import TOWN, connect, number, scene
from tests.support.services import Answer, FakeService

from webhookcore.delivery.outcome import Abandoned
from webhookcore.routing.matching import Phrases
from webhookcore.settings import load_settings
from webhookcore_router import server
from webhookcore_router.committer import NotKeptError
from webhookcore_router.limits import Limits
from webhookcore_router.outgoing import Delivery, Outgoing, RouteTarget
from webhookcore_router.router import Router
from webhookcore_router.upkeep import Upkeep


@pytest.fixture
async def services() -> AsyncIterator[dict[str, FakeService]]:
    async with FakeService() as mobility, FakeService(Answer(500)) as jobs:
        yield {"mobility": mobility, "jobs": jobs}


def routes(services: dict[str, FakeService]) -> dict[str, dict[str, Any]]:
    """Two of the town's services, with one try each."""
    once = {"retry": {"inRequest": 0}}
    return {name: {**TOWN[name], **once, "url": service.url} for name, service in services.items()}


async def settled(conn: Connection[DictRow]) -> None:
    """Returns when the inbox is empty."""
    for _ in range(3000):
        if conn.execute("SELECT 1 FROM inbox LIMIT 1").fetchone() is None:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("the inbox is not empty")


# -- service_metrics ----------------------------------------------------------------------------------------------


def windows(conn: Connection[DictRow]) -> list[DictRow]:
    return conn.execute("SELECT * FROM service_metrics ORDER BY service, window_start").fetchall()


async def counted(it: Router, events: int) -> None:
    """Returns when the router has counted so many for this minute: it does once they are out of the inbox."""
    async with asyncio.timeout(30):
        while sum(each.delivered + each.dead_lettered for each in it.reports.services.values()) < events:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_end_of_a_minute(
    database_url: str, tmp_path: Path, services: dict[str, FakeService], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row a minute for each service that did something: delivered, failed, dead-lettered, and how long it took. What
    another router of the same host adds to it adds up; nothing is counted twice.
    """
    end_minute = Upkeep._end_minute

    async def not_yet(upkeep: Upkeep, minute: datetime) -> None:
        """No minute ends in the middle of this test."""

    monkeypatch.setattr(Upkeep, "_end_minute", not_yet)
    async with router(database_url, tmp_path, routes(services)) as it:
        with connect(database_url) as conn:
            services["mobility"].answer_with(Answer(delay=0.02))
            await submit(it, *(meta.text("taxi", number()) for _ in range(3)))
            await submit(it, *(meta.text("job", number()) for _ in range(2)))
            await counted(it, 5)
            minute = it.now().replace(second=0, microsecond=0) - timedelta(minutes=10)
            await end_minute(it._upkeep, minute)
            failing, good = windows(conn)
            common = {"window_start": minute, "instance": socket.gethostname()}
            nothing = {"delivered": 0, "failed": 2, "dead_lettered": 2, "p50_ms": None, "p95_ms": None}
            assert failing == {"service": "jobs", **common, **nothing}
            assert 20 <= good["p50_ms"] <= good["p95_ms"] < 10_000
            assert {name: good[name] for name in good if name not in ("p50_ms", "p95_ms")} == {
                "service": "mobility",
                **common,
                "delivered": 3,
                "failed": 0,
                "dead_lettered": 0,
            }

            await end_minute(it._upkeep, minute)
            assert windows(conn) == [failing, good]
            await submit(it, meta.text("taxi", number()))
            await counted(it, 1)
            await end_minute(it._upkeep, minute)
            assert [row["delivered"] for row in windows(conn)] == [0, 4]


async def test_a_missed_p95_is_an_event(
    database_url: str, tmp_path: Path, services: dict[str, FakeService], capsys: pytest.CaptureFixture[str]
) -> None:
    """When 95 % of a minute's notifications took longer than the SLO it is told of, once; without any it is not."""
    slo = {"slo": {"p95Ms": 1, "coldStartMs": 60_000}}
    async with router(database_url, tmp_path, routes(services), router=slo) as it:
        for _ in range(3):
            it.reports.acks.took(50.0)
        await it._upkeep._end_minute(it.now())
        await it._upkeep._end_minute(it.now())
        assert it.reports.metrics.registry.get_sample_value("webhookcore_ack_p95_seconds") == 0.05
    told = [line for line in capsys.readouterr().out.splitlines() if "CORE_SLO_VIOLATED" in line]
    assert len(told) == 1
    assert '"slo":"p95","valueMs":50.0,"sloMs":1' in told[0]


async def test_a_drain_writes_the_minute_that_it_cuts_short(
    database_url: str, tmp_path: Path, services: dict[str, FakeService]
) -> None:
    """What a router did in its last minute is counted too."""
    with connect(database_url) as conn:
        async with router(database_url, tmp_path, routes(services)) as it:
            await submit(it, meta.text("taxi", number()), meta.text("job", number()))
            await settled(conn)
        # Of all minutes: one may have ended in the middle.
        found = conn.execute(
            "SELECT service, sum(delivered)::integer AS delivered, sum(dead_lettered)::integer AS dead_lettered"
            " FROM service_metrics GROUP BY service ORDER BY service"
        ).fetchall()
    assert [tuple(row.values()) for row in found] == [("jobs", 0, 1), ("mobility", 1, 0)]


# -- defects ------------------------------------------------------------------------------------------------------


class Defective(RouteTarget):
    """A target with a defect that one event finds."""

    def request(self, delivery: Delivery, attempt: int) -> Outgoing | Abandoned:  # type: ignore[override]
        if b"boom" in delivery.body:
            raise ZeroDivisionError
        return super().request(delivery, attempt)


def with_defect(it: Router) -> None:
    """The target of mobility gets the defect."""
    sound = it.dispatcher._targets["mobility"]
    assert isinstance(sound, RouteTarget)
    it.dispatcher._targets = {**it.dispatcher._targets, "mobility": Defective(sound.name, sound.url)}


async def test_a_defect_in_a_delivery(database_url: str, tmp_path: Path, services: dict[str, FakeService]) -> None:
    """An event that finds a defect on its way out is a dead letter that says so; the next one of its lane is
    delivered, and the router goes on.
    """
    sender = number()
    bad, good = meta.text("taxi boom", sender), meta.text("taxi", sender)
    async with router(database_url, tmp_path, routes(services)) as it:
        with_defect(it)
        await submit(it, bad, good)
        await services["mobility"].wait_for(1)
        with connect(database_url) as conn:
            await settled(conn)
            (letter,) = conn.execute("SELECT * FROM wa_dead_letter_queue").fetchall()
    assert letter["message_id"] == bad["id"]
    assert (letter["error_code"], letter["error_message"]) == (
        "UnknownOutcome",
        "a defect of Webhook Core; it was logged",
    )
    assert letter["next_retry_at"] is not None
    assert services["mobility"].keys() == [good["id"]]


class DefectivePhrases(Phrases):
    """A lookup with a defect that one text finds."""

    def most_matched(self, text: str) -> int | None:
        if "boom" in text:
            raise ZeroDivisionError
        return super().most_matched(text)


async def test_a_defect_in_a_decision(database_url: str, tmp_path: Path, services: dict[str, FakeService]) -> None:
    """A notification that finds a defect while it is decided is not kept; those of the same flush are, and the router
    goes on: Meta sends the bad one again for days.
    """
    messages = [meta.text(f"what now {place}", number()) for place in range(10)]
    messages[5] = meta.text("what now boom", number())
    async with router(database_url, tmp_path, routes(services), fallback="mobility") as it:
        policy = it.committer._policy
        it.committer._policy = replace(policy, table=replace(policy.table, phrases=DefectivePhrases([])))
        answers = await asyncio.gather(*(submit(it, message) for message in messages), return_exceptions=True)
        assert [isinstance(answer, NotKeptError) for answer in answers] == [place == 5 for place in range(10)]
        assert (await submit(it, meta.text("what now", number())))[0].route == "mobility"
        with connect(database_url) as conn:
            await settled(conn)
    assert len(services["mobility"].requests) == 10


async def test_a_refused_number_stops_nothing(
    database_url: str, tmp_path: Path, services: dict[str, FakeService], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a table that only its numbers come from, a router tells of it and goes on delivering."""
    with connect(database_url) as conn:
        conn.execute("ALTER TABLE job_runs RENAME TO job_runs_elsewhere")
        async with router(database_url, tmp_path, routes(services)) as it:
            while "no numbers from the database" not in caplog.text:  # noqa: ASYNC110 - it is a log that is read
                await asyncio.sleep(0.01)
            await submit(it, meta.text("taxi", number()))
            await settled(conn)
    assert "UndefinedTable 42P01" in caplog.text
    assert len(services["mobility"].requests) == 1


async def test_a_part_that_ends_ends_the_router(
    database_url: str, tmp_path: Path, services: dict[str, FakeService]
) -> None:
    """A router without one of its parts would go on half: it is told to stop, and knows that it failed."""
    path = write_config(tmp_path, *(route(name, **fields) for name, fields in routes(services).items()))
    stop = asyncio.Event()
    it = Router(load_settings(path, environment(database_url)), Limits(), (), on_failure=stop.set)
    await it.start(lambda: 0.5)
    with connect(database_url) as conn:
        conn.execute("ALTER TABLE circuit_breakers RENAME TO circuit_breakers_elsewhere")
    async with asyncio.timeout(30):
        await stop.wait()
    assert it.failed
    await it.drain()


# -- leases -------------------------------------------------------------------------------------------------------


async def test_a_lease_that_is_gone_is_replaced(
    database_url: str, tmp_path: Path, services: dict[str, FakeService]
) -> None:
    """A router whose lease was taken back forgets what waited under it and goes on under a new one; what it had kept
    is delivered all the same, once.
    """
    limits = Limits(heartbeat_seconds=0.2, claim_interval=0.05)
    narrow = {name: {**fields, "concurrency": 1} for name, fields in routes(services).items()}
    taken_back = asyncio.Event()
    services["mobility"].answer_next(Answer(after=taken_back))
    messages = [meta.text("taxi", number()) for _ in range(3)]
    async with router(database_url, tmp_path, narrow, limits) as it:
        before = it.lease.me
        await submit(it, *messages)
        await services["mobility"].wait_for(1)
        with connect(database_url) as conn:
            conn.execute("UPDATE router_instances SET lease_until = now() - interval '1 s'")
            conn.execute("UPDATE inbox SET owner = NULL WHERE message_id <> %s", [messages[0]["id"]])
            conn.execute("DELETE FROM router_instances WHERE id = %s", [before])
            async with asyncio.timeout(30):
                while it.lease.me == before:  # noqa: ASYNC110 - the lease sets no event
                    await asyncio.sleep(0.02)
            taken_back.set()
            await services["mobility"].wait_for(3)
            conn.execute("DELETE FROM inbox WHERE owner = %s", [before])
            await settled(conn)
    assert sorted(services["mobility"].keys()) == sorted(message["id"] for message in messages)


# -- bounds -------------------------------------------------------------------------------------------------------


async def test_room_for_what_waits_to_be_kept(
    database_url: str, tmp_path: Path, services: dict[str, FakeService]
) -> None:
    """So many requests and so many bytes may wait for their commit; a single notification of more bytes may too. What
    was kept makes room again.
    """
    limits = Limits(uncommitted_requests=2, uncommitted_bytes=1000)
    async with router(database_url, tmp_path, routes(services), limits) as it:
        room = it.committer.has_room
        assert (room(1), room(1000), room(5000)) == (True, True, True)
        size = len(meta.body(meta.text("taxi", number())))
        first = asyncio.create_task(submit(it, meta.text("taxi", number())))
        await asyncio.sleep(0)
        assert it.committer.uncommitted == 1
        assert (room(1000 - size), room(1001 - size), room(999), room(1000)) == (True, False, False, True)
        second = asyncio.create_task(submit(it, meta.text("taxi", number())))
        await asyncio.sleep(0)
        assert (room(0), room(5000)) == (False, False)
        await asyncio.gather(first, second)
        assert (it.committer.uncommitted, room(1000)) == (0, True)
        with connect(database_url) as conn:
            await settled(conn)


async def test_above_its_bounds_a_router_refuses_at_once(databases: Databases, tmp_path: Path) -> None:
    """503 overloaded with Retry-After for what finds no room to be kept, whoever signed it; and 503 for a body that
    comes in pieces while too many do.
    """
    limits = {"uncommitted_requests": 0, "receiving_bytes": 1000}
    async with scene(databases, tmp_path, TOWN, limits=limits) as it:
        body = meta.body(meta.text("taxi", number()))
        answer = await it.post(body)
        assert (answer.status_code, answer.json()["error"]) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "1"
        head = post("/wa-webhook-core", b"x" * 5000)[:-5000]
        refused = await exchange(it.router.public_port, head, b"x" * 1200)
        assert refused is not None
        assert (refused.status, refused.json()["error"]) == (503, "unavailable")
        assert refused.headers["retry-after"] == "1"
        assert await it.value("SELECT count(*) FROM dedupe_keys") == 0


def test_a_router_needs_a_database(tmp_path: Path) -> None:
    """Without a URL there is nothing to wait for."""
    settings = load_settings(
        write_config(tmp_path, route("jobs", "http://jobs.example")), environment("postgresql:///x")
    )
    with pytest.raises(ValueError, match="a router needs a database URL"):
        Router(replace(settings, database_url=None), Limits(), (), on_failure=lambda: None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
def test_a_port_that_is_taken(host: str) -> None:
    """Which one is told; a free one is listened on, by whatever address."""
    with server._listen(host, 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(server.PortTakenError, match=f"port {port} cannot be listened on: Address already in use"):
            server._listen(host, port)


# -- the probe of an open breaker -----------------------------------------------------------------------------------


async def test_who_comes_second_to_a_probe_charges_nothing(
    database_url: str, tmp_path: Path, services: dict[str, FakeService]
) -> None:
    """A row is claimed together with the right to the probe, or not at all: while another router has that right the
    event stays unclaimed and uncharged, and when it is sent at last it is a first attempt.
    """
    other = uuid4()
    async with router(database_url, tmp_path, routes(services)) as it:
        with connect(database_url) as conn:
            conn.execute(
                "INSERT INTO circuit_breakers (service, state, failures, opened_at, probe_at, probe_owner, updated_at) "
                "VALUES ('mobility', 'half_open', 1, now(), now() + interval '1 hour', %s, now())",
                [other],
            )
            async with it.database.connection() as its:
                await it.breakers.exchange(its)
                await submit(it, meta.text("taxi", number()))
                assert await it.breakers.claim_probe(its, "mobility", it.lease.me) is None
            waiting = conn.execute("SELECT owner, attempts FROM inbox").fetchall()
            assert waiting == [{"owner": None, "attempts": 0}]
            breaker = conn.execute("SELECT state, probe_owner FROM circuit_breakers").fetchall()
            assert breaker == [{"state": "half_open", "probe_owner": other}]

            conn.execute("UPDATE circuit_breakers SET probe_at = now()")
            await settled(conn)
    assert [request.headers["x-wa-attempt"] for request in services["mobility"].requests] == ["1"]
