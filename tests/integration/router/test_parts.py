"""What only a router's parts can be asked, in the test's own process: the end of a minute, and what a defect does."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import DictRow
from tests.support import meta
from tests.support.in_process import router, submit
from tests.support.scene import TOWN, connect, number
from tests.support.services import Answer, FakeService

from webhookcore.delivery.outcome import Abandoned
from webhookcore.routing.matching import Phrases
from webhookcore_router.committer import NotKeptError
from webhookcore_router.outgoing import Delivery, Outgoing, RouteTarget
from webhookcore_router.router import Router


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


async def test_the_end_of_a_minute(database_url: str, tmp_path: Path, services: dict[str, FakeService]) -> None:
    """A row a minute for each service that did something: delivered, failed, dead-lettered, and how long it took. What
    another router of the same host adds to it adds up; nothing is counted twice.
    """
    async with router(database_url, tmp_path, routes(services)) as it:
        with connect(database_url) as conn:
            services["mobility"].answer_with(Answer(delay=0.02))
            await submit(it, *(meta.text("taxi", number()) for _ in range(3)))
            await submit(it, *(meta.text("job", number()) for _ in range(2)))
            await settled(conn)
            minute = it.now().replace(second=0, microsecond=0) - timedelta(minutes=10)
            await it._upkeep._end_minute(minute)
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

            await it._upkeep._end_minute(minute)
            assert windows(conn) == [failing, good]
            await submit(it, meta.text("taxi", number()))
            await settled(conn)
            await it._upkeep._end_minute(minute)
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
        counted = [(row["service"], row["delivered"], row["dead_lettered"]) for row in windows(conn)]
    assert counted == [("jobs", 0, 1), ("mobility", 1, 0)]


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
