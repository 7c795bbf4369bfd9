"""A paused route: what is accepted for it waits, uncharged, until a router starts without the pause."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAUSED = {**TOWN, "mobility": {**TOWN["mobility"], "paused": True}}


@pytest_asyncio.fixture(loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(databases, tmp_path_factory.mktemp("pause"), PAUSED) as it:
        yield it


async def test_nothing_is_sent_and_nothing_charged(town: Scene) -> None:
    """Three messages of one sender wait in order, with no attempt counted; other routes go on. A router without the
    pause delivers them, in order and as first attempts; the paused one does not get in its way.
    """
    sender = number()
    messages = [meta.text(f"taxi {place}", sender) for place in range(3)]
    for message in messages:
        answer = await town.send(message)
        assert answer.headers["X-Routed-Service"] == "mobility"
    other = meta.text("job", sender)
    await town.send(other)
    await town.got("jobs", other["id"])
    rows = await town.rows("SELECT message_id, owner, attempts FROM inbox WHERE route = 'mobility' ORDER BY id")
    assert rows == [{"message_id": message["id"], "owner": None, "attempts": 0} for message in messages]
    assert town.services["mobility"].requests == []
    told = (await town.http.get(town.router.health_url)).json()
    assert told["microservices"] == {"mobility": False, "insurance": True, "jobs": True}
    assert (told["status"], told["circuitBreakers"]["mobility"]) == ("healthy", "closed")

    await town.start(changes={"mobility": {"paused": False}})
    await town.services["mobility"].wait_for(3)
    await town.settled()
    assert town.services["mobility"].keys() == [message["id"] for message in messages]
    assert [request.attempt for request in town.services["mobility"].requests] == [1, 1, 1]
    assert await town.value("SELECT count(*) FROM wa_dead_letter_queue") == 0


async def test_no_probe_reaches_a_paused_route(town: Scene) -> None:
    """A paused route whose breaker is open, its wait over, is not probed: nothing is sent under a pause."""
    message = meta.text("taxi", number())
    await town.send(message)
    await town.rows(
        "INSERT INTO circuit_breakers (service, state, failures, opened_at, probe_at, updated_at)"
        " VALUES ('mobility', 'open', 1, now(), now(), now())"
    )
    await town.until_breaker("mobility", "open")
    # Several looks of the claimer: it looks every 100 ms.
    for _ in range(5):
        jobs = meta.text("job", number())
        await town.send(jobs)
        await town.got("jobs", jobs["id"])
        await asyncio.sleep(0.1)
    assert town.services["mobility"].requests == []
    assert await town.row("SELECT owner, attempts FROM inbox WHERE route = 'mobility'") == {
        "owner": None,
        "attempts": 0,
    }
    assert await town.value("SELECT state FROM circuit_breakers") == "open"


async def test_paused_past_its_age(town: Scene) -> None:
    """What waited under a pause longer than `maxAgeMinutes` (60) becomes a dead letter, Expired, uncharged."""
    message = meta.text("taxi", number())
    await town.send(message)
    await town.rows("UPDATE inbox SET due_at = now() - interval '61 min'")
    letter = await town.dead_letter(message["id"])
    assert (letter["error_code"], letter["attempts"], letter["retry_count"]) == ("Expired", 0, 0)
    assert letter["error_message"] == "waited longer than 60 minutes while the route was held: paused"
    assert letter["abandoned_at"] is None
    assert letter["next_retry_at"] > letter["created_at"] + timedelta(minutes=1)


async def test_a_route_that_is_gone(town: Scene) -> None:
    """What waits for a route that the configuration does not name becomes a dead letter, for its retry to decide anew;
    not in its first minute: while a new configuration rolls out, other routers may know that route.
    """
    message, young = meta.text("taxi", number()), meta.text("taxi", number())
    await town.send(message, young)
    await town.rows("UPDATE inbox SET due_at = now() - interval '61 s' WHERE message_id = %s", message["id"])
    await town.stop()
    await town.describe({name: fields for name, fields in TOWN.items() if name != "mobility"}, {})
    await town.start()
    letter = await town.dead_letter(message["id"])
    assert (letter["error_code"], letter["route"], letter["attempts"]) == ("RouteGone", "mobility", 0)
    assert letter["abandoned_at"] is None
    assert await town.value("SELECT message_id FROM inbox") == young["id"]
