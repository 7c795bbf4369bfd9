"""The long forms of the fault tests: routers replaced and killed fifty times, clients gone ten thousand times."""

import asyncio
from pathlib import Path

import pytest
from tests.soak.share import of
from tests.support import meta
from tests.support.config import environment, route, write_config
from tests.support.dead_letters import insert_many
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, query, sender_number, until, until_settled
from tests.support.processes import run
from tests.support.raw_clients import open_files, send_and_reset
from tests.support.rolling import kill, roll
from tests.support.services import Answer

pytestmark = pytest.mark.timeout(3600)


async def test_fifty_rolling_restarts(database_url: str, tmp_path: Path) -> None:
    """What six of them must not do."""
    await roll(database_url, tmp_path, replacements=of(50, least=2))


async def test_killed_fifty_times(database_url: str, tmp_path: Path) -> None:
    """At other moments than in the short form."""
    await kill(database_url, tmp_path, kills=of(50, least=2), seed=24)


async def test_ten_thousand_clients_gone(database_url: str, tmp_path: Path) -> None:
    """Each resets its connection in the middle of a commit: no leak, no half state, each message once."""
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            router, limit = routers.routers[0], asyncio.Semaphore(50)
            await client.send("ride")
            files = open_files(router)
            messages = [meta.text(f"ride {number}", sender_number(number % 500)) for number in range(of(10_000))]
            bodies = [(meta.body(message), message["id"], message["from"]) for message in messages]
            await asyncio.gather(*(send_and_reset(router, body, limit) for body, _, _ in bodies))
            for body, key, sender in bodies:
                assert (await client.post(body, key, sender)).statuses == [200]
            await until_settled(database_url)
            await until(lambda: open_files(router) <= files + 20, what="closed connections")
        check(client.sent, {"rides": rides}, database_url, ordered=False)
        assert query(database_url, "SELECT count(*) FROM dedupe_keys") == [(len(messages) + 1,)]


async def test_ten_thousand_due_at_once(database_url: str, tmp_path: Path) -> None:
    """Drained by one run, the oldest first, no more at a time than the service may get."""
    count = of(10_000)
    async with WatchedService(Answer(delay=0.001)) as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"], concurrency=20), router=FAST)
        insert_many(database_url, count)
        async with fleet(config, database_url) as routers:
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=routers.routers[0].internal_url)
            job = await run("dlq-processor", "--config", str(config), env=env, seconds=600)
        assert job.result()["successful"] == count, job.output()
    came = [int(request.key.removeprefix("wamid.")) for request in rides.requests]
    assert sorted(came) == list(range(1, count + 1))
    assert rides.most_open <= 20
    assert max(abs(place - number) for place, number in enumerate(came, 1)) <= 200
