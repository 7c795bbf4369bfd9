"""Disturbances under load, and what must be true afterwards: routers replaced, or killed, while Meta sends on."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.config import route, write_config
from tests.support.fleet import FAST, LONG_DRAIN, fleet
from tests.support.ledger import Meta, WatchedService, check, until_settled
from tests.support.services import Answer


async def roll(database_url: str, folder: Path, *, replacements: int) -> None:
    """Replaces one of two routers after the other, each message sent once: it is answered 200, and delivered once."""
    async with WatchedService(Answer(delay=0.01)) as rides, WatchedService() as jobs:
        config = _config(folder, rides, jobs)
        async with fleet(config, database_url, count=2, limits=LONG_DRAIN) as routers, Meta(routers.pick_ready) as meta:
            async with _load(meta, senders=10):
                for _ in range(replacements):
                    await routers.replace(routers.routers[0])
            await until_settled(database_url)
        assert set(meta.statuses()) == {200}, meta.broken[:5]
        check(meta.sent, {"rides": rides, "jobs": jobs}, database_url)


async def kill(database_url: str, folder: Path, *, kills: int, seed: int) -> None:
    """Kills one of three routers after the other at moments that `seed` decides, and starts another each time.

    Nothing is lost, what comes twice says so, lanes keep their order.
    """
    dice = random.Random(seed)  # noqa: S311 - moments are no secret
    async with WatchedService(Answer(delay=0.02)) as rides, WatchedService() as jobs:
        config = _config(folder, rides, jobs)
        async with fleet(config, database_url, count=3) as routers, Meta(routers.pick_any) as meta:
            async with _load(meta, senders=12):
                for _ in range(kills):
                    await asyncio.sleep(dice.uniform(0.1, 1.0))
                    await routers.kill(dice.choice(routers.routers))
                    await routers.start()
            await until_settled(database_url)
        check(meta.sent, {"rides": rides, "jobs": jobs}, database_url, most_repeats=kills)


def _config(folder: Path, rides: WatchedService, jobs: WatchedService) -> Path:
    return write_config(
        folder,
        route("rides", rides.url, keywords=["ride"], concurrency=4),
        route("jobs", jobs.url, keywords=["job"]),
        router=FAST,
    )


@asynccontextmanager
async def _load(meta: Meta, *, senders: int) -> AsyncIterator[None]:
    """Two of three messages to rides, the others to jobs."""
    stop = asyncio.Event()
    sending = asyncio.create_task(
        meta.keep_sending(senders, stop, lambda _, number: f"{'ride' if number % 3 else 'job'} {number}")
    )
    try:
        yield
    finally:
        stop.set()
        await sending
