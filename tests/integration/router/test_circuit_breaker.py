"""The circuit breaker of a service, shared by two routers: it parks what would fail, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import Scene, number, scene
from tests.support.services import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("opening", "probed", "failing", "refusing", "aging", "healthy")
DOWN = Answer(500)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Two routers; a service for each test, whose name is its keyword."""
    routes: dict[str, dict[str, Any]] = {name: {"keywords": [name], "retry": {"inRequest": 0}} for name in SERVICES}
    routes["aging"]["maxAgeMinutes"] = 30
    async with scene(databases, tmp_path_factory.mktemp("breaker"), routes, routers=2) as it:
        yield it


async def send(town: Scene, word: str, count: int) -> list[str]:
    """Messages of so many senders, through both routers; their ids."""
    messages = [meta.text(word, number()) for _ in range(count)]
    for place, router in enumerate(town.routers):
        await town.send(*messages[place::2], router=router)
    return [message["id"] for message in messages]


async def trip(town: Scene, service: str) -> None:
    """The service fails 20 deliveries of one router: its breaker opens."""
    town.services[service].answer_with(DOWN)
    await town.send(*(meta.text(service, number()) for _ in range(20)))
    await town.until("open", "SELECT coalesce(max(state), '') FROM circuit_breakers WHERE service = %s", service)
    await town.until(20, "SELECT count(*) FROM wa_dead_letter_queue WHERE route = %s", service)


async def health(town: Scene, url: str) -> dict[str, Any]:
    answer = await town.http.get(url)
    assert answer.status_code == httpx.codes.OK
    told: dict[str, Any] = answer.json()
    return told


async def waiting(town: Scene, service: str) -> list[dict[str, Any]]:
    return await town.rows("SELECT message_id, owner, attempts FROM inbox WHERE route = %s ORDER BY id", service)


def check_wait(row: dict[str, Any], seconds: float) -> None:
    """The breaker is open for so long, from a moment before it was written down."""
    assert timedelta(seconds=seconds / 2) < row["probe_at"] - row["opened_at"] <= timedelta(seconds=seconds)


async def may_probe(town: Scene, service: str) -> None:
    """The breaker's wait is over now."""
    await town.rows("UPDATE circuit_breakers SET probe_at = now() WHERE service = %s AND state = 'open'", service)


async def test_it_opens_parks_and_closes(town: Scene) -> None:
    """20 failures open it for 5 s at both routers. What comes then is parked: not sent, not charged, not dead. Another
    service's messages go on. When the wait is over the service is probed, and gets all that waited, as first attempts.
    """
    opening = town.services["opening"]
    await trip(town, "opening")
    row = await town.row("SELECT * FROM circuit_breakers WHERE service = 'opening'")
    assert (row["failures"], row["probe_owner"]) == (1, None)
    check_wait(row, 5)
    await town.rows("UPDATE circuit_breakers SET probe_at = now() + interval '1 h' WHERE service = 'opening'")
    await town.until_breaker("opening", "open")
    told = await health(town, town.routers[1].health_url)
    assert (told["status"], told["microservices"]["opening"]) == ("healthy", False)
    assert told["microservices"]["healthy"] is True

    sent_before = len(opening.requests)
    parked = await send(town, "opening", 6)
    for message_id in await send(town, "healthy", 4):
        await town.got("healthy", message_id)
    assert sorted(row["message_id"] for row in await waiting(town, "opening")) == sorted(parked)
    assert {(row["owner"], row["attempts"]) for row in await waiting(town, "opening")} == {(None, 0)}
    assert len(opening.requests) == sent_before
    assert await town.value("SELECT count(*) FROM wa_dead_letter_queue WHERE route = 'opening'") == 20

    opening.answer_with(Answer(200))
    await may_probe(town, "opening")
    await opening.wait_for(sent_before + 6)
    await town.until(0, "SELECT count(*) FROM inbox WHERE route = 'opening'")
    assert sorted(opening.keys()[sent_before:]) == sorted(parked)
    assert {request.attempt for request in opening.requests[sent_before:]} == {1}
    await town.until_breaker("opening", "closed")
    row = await town.row("SELECT * FROM circuit_breakers WHERE service = 'opening'")
    assert (row["state"], row["failures"], row["probe_at"], row["probe_owner"]) == ("closed", 0, None, None)


async def test_one_probe_across_routers(town: Scene) -> None:
    """When the wait is over one delivery probes, not one a router; while it is under way nothing else is sent. Its
    failure opens the breaker for twice as long; its event is a dead letter, the others wait on.
    """
    probed = town.services["probed"]
    await trip(town, "probed")
    await town.until_breaker("probed", "open")
    await town.rows("UPDATE circuit_breakers SET probe_at = now() + interval '1 h' WHERE service = 'probed'")
    parked = await send(town, "probed", 6)
    sent_before = len(probed.requests)
    seen = asyncio.Event()
    probed.answer_with(Answer(500, after=seen))
    await may_probe(town, "probed")
    await probed.wait_for(sent_before + 1)
    row = await town.row("SELECT state, probe_owner FROM circuit_breakers WHERE service = 'probed'")
    assert row["state"] == "half_open"
    owners = await town.rows("SELECT id FROM router_instances")
    assert row["probe_owner"] in [owner["id"] for owner in owners]
    seen.set()
    await town.until(2, "SELECT failures FROM circuit_breakers WHERE service = 'probed'")
    row = await town.row("SELECT * FROM circuit_breakers WHERE service = 'probed'")
    assert row["state"] == "open"
    check_wait(row, 10)
    assert len(probed.requests) == sent_before + 1
    dead = probed.keys()[sent_before]
    assert (await town.dead_letter(dead))["error_code"] == "ServerError"
    assert sorted(row["message_id"] for row in await waiting(town, "probed")) == sorted(set(parked) - {dead})
    assert {row["owner"] for row in await waiting(town, "probed")} == {None}


async def test_a_probe_that_never_came_back(town: Scene) -> None:
    """The right to the probe runs out: when its holder died, somebody else probes."""
    await trip(town, "failing")
    await town.rows(
        "UPDATE circuit_breakers SET state = 'half_open', probe_owner = gen_random_uuid(), probe_at = now() +"
        " interval '1 h' WHERE service = 'failing'"
    )
    await town.until_breaker("failing", "half_open")
    town.services["failing"].answer_with(Answer(200))
    parked = await send(town, "failing", 3)
    assert {row["owner"] for row in await waiting(town, "failing")} == {None}
    await town.rows("UPDATE circuit_breakers SET probe_at = now() WHERE service = 'failing'")
    for message_id in parked:
        await town.got("failing", message_id)
    await town.until_breaker("failing", "closed")


async def test_a_refusal_is_no_failure_of_the_service(town: Scene) -> None:
    """40 answers of 404 are 40 dead letters, and the breaker stays closed: the service is there."""
    town.services["refusing"].answer_with(Answer(404))
    await send(town, "refusing", 40)
    await town.until(40, "SELECT count(*) FROM wa_dead_letter_queue WHERE route = 'refusing'")
    for router in town.routers:
        assert (await health(town, router.health_url))["circuitBreakers"]["refusing"] == "closed"


async def test_parked_past_their_age(town: Scene) -> None:
    """What waited for an open breaker longer than `maxAgeMinutes` becomes a dead letter, Expired, uncharged; what did
    not waits on.
    """
    await trip(town, "aging")
    await town.rows("UPDATE circuit_breakers SET probe_at = now() + interval '1 h' WHERE service = 'aging'")
    await town.until_breaker("aging", "open")
    old, young = await send(town, "aging", 2)
    ago = "UPDATE inbox SET due_at = now() - interval '1 min' * %s WHERE message_id = %s"
    await town.rows(ago, 31, old)
    await town.rows(ago, 29, young)
    letter = await town.dead_letter(old)
    assert (letter["error_code"], letter["attempts"], letter["retry_count"]) == ("Expired", 0, 0)
    assert letter["error_message"] == "waited longer than 30 minutes while the route was held: its breaker is open"
    assert letter["abandoned_at"] is None
    wait = letter["next_retry_at"] - letter["created_at"]
    assert timedelta(minutes=2) - timedelta(seconds=10) < wait <= timedelta(minutes=2)
    assert [row["message_id"] for row in await waiting(town, "aging")] == [young]
