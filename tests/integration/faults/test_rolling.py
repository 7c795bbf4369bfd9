"""Routers replaced one after the other under load: no request fails, nothing is lost, nothing doubled in silence."""

import asyncio
from pathlib import Path

from tests.support.config import APP_SECRET, route, write_config
from tests.support.fleet import FAST, LONG_DRAIN, fleet
from tests.support.ledger import Meta, WatchedService, check, until_settled
from tests.support.rolling import roll

OLD, NEW = APP_SECRET, "another-app-secret-9876543210"


async def test_rolling_restarts(database_url: str, tmp_path: Path) -> None:
    """Six of them."""
    await roll(database_url, tmp_path, replacements=6)


async def test_the_secret_is_rotated(database_url: str, tmp_path: Path) -> None:
    """Old secret → both → Meta signs with the new one → the new one alone: no good notification is refused, and in the
    end the old secret opens nothing.
    """
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with (
            fleet(config, database_url, count=2, limits=LONG_DRAIN) as routers,
            Meta(routers.pick_ready, secret=OLD) as client,
        ):
            stop = asyncio.Event()
            load = asyncio.create_task(client.keep_sending(5, stop, lambda _, number: f"ride {number}"))
            both = {"WA_APP_SECRET": NEW, "WA_APP_SECRET_PREVIOUS": OLD}
            for router in list(routers.routers):
                await routers.replace(router, env=both)
            client.secret = NEW
            await rides.wait_for(len(rides.requests) + 20)
            for router in list(routers.routers):
                await routers.replace(router, env={"WA_APP_SECRET": NEW})
            await rides.wait_for(len(rides.requests) + 20)
            stop.set()
            await load
            assert set(client.statuses()) == {200}, client.broken[:5]
            client.secret = OLD
            assert (await client.send("ride", tries=1)).statuses == [401]
            await until_settled(database_url)
        check(client.sent, {"rides": rides}, database_url)
