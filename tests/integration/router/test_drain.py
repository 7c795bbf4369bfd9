"""SIGTERM: not ready at once, a little longer of service, then everything under way to its end and the lease given
back. Nothing that was accepted is lost, and the exit code says so.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

from webhookcore_router.limits import Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVES = 1.5
"""Seconds instead of the usual 5: the tests need not wait so long."""


@pytest_asyncio.fixture(loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One delivery at a time goes to jobs."""
    routes = {**TOWN, "jobs": {**TOWN["jobs"], "concurrency": 1}}
    limits = {"drain_serve_seconds": SERVES}
    async with scene(
        databases, tmp_path_factory.mktemp("drain"), routes, limits=limits, router={"timeoutMs": 20_000}
    ) as it:
        yield it


async def get(town: Scene, path: str) -> httpx.Response:
    return await town.http.get(f"{town.router.internal_url}{path}")


async def test_how_long_a_router_serves_on() -> None:
    """Load balancers and kube-proxy learn of a pod's end late: 5 seconds."""
    assert Limits().drain_serve_seconds == 5.0


@pytest.mark.parametrize("number_of", [signal.SIGTERM, signal.SIGINT])
async def test_a_drain(town: Scene, number_of: signal.Signals) -> None:
    """Readiness 503 at once, notifications still accepted and delivered, then the end: exit code 0, no lease left, and
    no more connections. Each answer ends its connection, and one that was idle is closed: nobody who keeps one open
    meets its end with a request under way.
    """
    town.services["mobility"].answer_with(Answer(delay=0.5))
    before, during = meta.text("taxi", number()), meta.text("taxi", number())
    assert (await town.send(before)).headers["connection"] == "keep-alive"
    started = time.monotonic()
    town.router.send(number_of)
    await town.router.wait_for_line("draining")
    ready = await get(town, "/readyz")
    assert (ready.status_code, ready.json()["error"], ready.json()["message"]) == (503, "not_ready", "draining")
    assert (await get(town, "/livez")).status_code == 200
    assert (await town.send(during)).headers["connection"] == "close"
    assert await town.router.wait() == 0
    assert time.monotonic() - started >= SERVES
    assert sorted(town.services["mobility"].keys()) == sorted([before["id"], during["id"]])
    assert await town.value("SELECT count(*) FROM inbox") == 0
    assert await town.value("SELECT count(*) FROM router_instances") == 0
    assert town.router.events("CORE_DELIVERED")[-1]["event"] == "CORE_DELIVERED"
    with pytest.raises(httpx.ConnectError):
        await get(town, "/livez")


async def test_what_waits_is_given_back(town: Scene) -> None:
    """Of three events of a service that takes one at a time the one under way is ended; the others are another
    router's as soon as the lease is given back: delivered in order, once.
    """
    jobs = town.services["jobs"]
    given_back = asyncio.Event()
    jobs.answer_next(Answer(after=given_back))
    sender = number()
    messages = [meta.text(f"job {place}", sender) for place in range(3)]
    await town.send(*messages)
    await jobs.wait_for(1)
    town.router.terminate()
    await town.until(2, "SELECT count(*) FROM inbox WHERE owner IS NULL")
    given_back.set()
    assert await town.router.wait() == 0
    assert jobs.keys() == [messages[0]["id"]]
    rows = await town.rows("SELECT message_id, owner FROM inbox ORDER BY id")
    assert rows == [{"message_id": message["id"], "owner": None} for message in messages[1:]]
    await town.start()
    await jobs.wait_for(3)
    await town.settled()
    assert jobs.keys() == [message["id"] for message in messages]


async def test_no_accepted_event_is_lost(town: Scene) -> None:
    """Notifications go on coming until nobody listens any more: each that was answered 200 is delivered or kept."""
    accepted: list[str] = []
    refused: list[int] = []

    async def keep_sending() -> None:
        while True:
            message = meta.text("taxi", number())
            try:
                answer = await town.post(meta.body(message))
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                accepted.append(message["id"])
            else:
                refused.append(answer.status_code)

    senders = [asyncio.create_task(keep_sending()) for _ in range(4)]
    await town.services["mobility"].wait_for(20)
    town.router.terminate()
    assert await town.router.wait() == 0
    await asyncio.gather(*senders)
    assert refused == []
    kept = [row["message_id"] for row in await town.rows("SELECT message_id FROM inbox")]
    delivered = town.services["mobility"].keys()
    assert sorted(accepted) == sorted({*kept, *delivered} & set(accepted))
    assert len(delivered) == len(set(delivered))
    assert await town.value("SELECT count(*) FROM inbox WHERE owner IS NOT NULL") == 0


async def test_a_drain_before_it_was_ready(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A router that still waits for its schema ends at once: there is nothing to serve on."""
    with databases.fresh(migrated=False) as url:
        async with Scene(url, tmp_path_factory.mktemp("early")) as it:
            await it.describe(TOWN, {})
            router = await it.start(ready=False)
            await router.wait_for_line("the schema does not fit")
            router.terminate()
            assert await router.wait() == 0
            assert "serving" not in router.output()
