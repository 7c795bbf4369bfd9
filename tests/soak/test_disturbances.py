"""The long forms of the fault tests: routers replaced and killed fifty times, clients gone ten thousand times."""

import asyncio
from pathlib import Path

import pytest
from tests.soak.share import of
from tests.support import meta
from tests.support.config import environment, route, write_config
from tests.support.dead_letters import insert_many
from tests.support.fleet import FAST, LONG_DRAIN, fleet
from tests.support.ledger import Meta, WatchedService, check, query, sender_number, until, until_settled
from tests.support.processes import run
from tests.support.raw_clients import open_files, send_and_reset
from tests.support.rolling import kill_under_load, roll_under_load
from tests.support.services import Answer

pytestmark = pytest.mark.timeout(3600)


async def test_fifty_rolling_restarts(database_url: str, tmp_path: Path) -> None:
    """Under load, each message sent once: no request fails, nothing is lost, nothing comes twice."""
    async with WatchedService(Answer(delay=0.01)) as rides, WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"], concurrency=4),
            route("jobs", jobs.url, keywords=["job"]),
            router=FAST,
        )
        async with (
            fleet(config, database_url, count=2, limits=LONG_DRAIN) as routers,
            Meta(routers.pick_ready) as client,
        ):
            await roll_under_load(routers, client, replacements=of(50, least=2))
            await until_settled(database_url)
        assert set(client.statuses()) == {200}, client.broken[:5]
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url)


async def test_killed_fifty_times(database_url: str, tmp_path: Path) -> None:
    """Under load, at any moment: nothing is lost, what comes twice says so, lanes keep their order."""
    async with WatchedService(Answer(delay=0.02)) as rides, WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"], concurrency=4),
            route("jobs", jobs.url, keywords=["job"]),
            router=FAST,
        )
        kills = of(50, least=2)
        async with fleet(config, database_url, count=3) as routers, Meta(routers.pick_any) as client:
            await kill_under_load(routers, client, kills=kills, seed=24)
            await until_settled(database_url)
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url, most_repeats=kills)


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
