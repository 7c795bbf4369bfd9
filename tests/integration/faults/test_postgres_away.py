"""Postgres stopped, unreachable, out of connections or full: 503 meanwhile, and nothing accepted that is not kept."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.support.config import route, write_config
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, until, until_settled
from tests.support.processes import RouterProcess
from tests.support.proxy import PostgresProxy
from tests.support.services import Answer

from webhookcore.store.migrate import migrate
from webhookcore_cli.local.postgres import EmbeddedPostgres

SECONDS_NOT_MINUTES = 20.0


async def test_stopped_at_once_and_back(own_postgres: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    """Notifications go on coming in while Postgres crashes and recovers: 503 meanwhile, then all that was accepted is
    delivered, and what comes twice says so. The routers reconnect by themselves.
    """
    postgres = own_postgres(fsync="on")
    migrate(postgres.url(), say=print)
    async with WatchedService(Answer(delay=0.01)) as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"], concurrency=8), router=FAST)
        async with fleet(config, postgres.url(), count=2) as routers, Meta(routers.pick_any) as meta:
            stop = asyncio.Event()
            load = asyncio.create_task(meta.keep_sending(10, stop, lambda _, number: f"ride {number}"))
            await rides.wait_for(20)
            postgres.stop(at_once=True)
            before = len(meta.statuses())
            await until(lambda: meta.statuses()[before:].count(503) > 10, what="refusals")
            for router in routers.routers:
                assert await states(router) == {"livez": 200, "readyz": 503, "health": 503}
            postgres.start()
            delivered = len(rides.requests)
            await rides.wait_for(delivered + 50)
            stop.set()
            await load
            for router in routers.routers:
                assert await states(router) == {"livez": 200, "readyz": 200, "health": 200}
            await until_settled(postgres.url())
        assert set(meta.statuses()) <= {200, 503}
        check(meta.sent, {"rides": rides}, postgres.url(), most_repeats=1)


@pytest.mark.parametrize("keep_connections", [True, False], ids=["thawed", "connections dead"])
async def test_black_hole(database_url: str, tmp_path: Path, keep_connections: bool) -> None:
    """Postgres answers nothing and resets nothing: 503 within seconds; afterwards everything goes on."""
    async with PostgresProxy(database_url) as proxy, WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, proxy.url) as routers, Meta(routers.pick_any) as meta:
            await meta.senders(5, 2, lambda _, number: f"ride {number}")
            await until_settled(database_url)
            proxy.freeze()
            started = time.monotonic()
            refused = await asyncio.gather(*(meta.send("ride", str(number), tries=1) for number in range(5)))
            assert time.monotonic() - started < SECONDS_NOT_MINUTES
            assert [sent.statuses for sent in refused] == [[503]] * 5
            assert (await states(routers.routers[0]))["readyz"] == 503
            proxy.thaw(keep_connections=keep_connections)
            await routers.routers[0].wait_until_ready()
            await meta.senders(5, 2, lambda _, number: f"ride {number}")
            await until_settled(database_url)
        check(meta.sent, {"rides": rides}, database_url)


async def test_away_for_longer_than_a_lease(database_url: str, tmp_path: Path) -> None:
    """Nobody could take the routers' leases back while Postgres was away: they go on with what they had, and what
    they had delivered and not yet settled does not come again.
    """
    async with PostgresProxy(database_url) as proxy, WatchedService() as rides:
        rides.gate.clear()
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"], concurrency=2), router=FAST)
        limits = {"lease_seconds": 5.0, "heartbeat_seconds": 0.5}
        async with fleet(config, proxy.url, count=2, limits=limits) as routers, Meta(routers.pick_any) as meta:
            await meta.senders(6, 1, lambda _, number: f"ride {number}")
            await rides.wait_for(4)
            proxy.refuse()
            rides.gate.set()
            await asyncio.sleep(limits["lease_seconds"] + 1)
            proxy.accept()
            await until_settled(database_url)
        check(meta.sent, {"rides": rides}, database_url)
        assert len(rides.good) == 6


async def states(router: RouterProcess) -> dict[str, int]:
    """What the probes say."""
    async with httpx.AsyncClient(timeout=10) as client:
        urls = {name: f"{router.internal_url}/{name}" for name in ("livez", "readyz")} | {"health": router.health_url}
        return {name: (await client.get(url)).status_code for name, url in urls.items()}
