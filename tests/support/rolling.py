"""Disturbances under load: routers replaced, or killed, while Meta goes on sending."""

import asyncio
import random

from tests.support.fleet import Fleet
from tests.support.ledger import Meta


def text(_: int, number: int) -> str:
    """Two of three to rides, the others to jobs."""
    return f"{'ride' if number % 3 else 'job'} {number}"


async def roll_under_load(routers: Fleet, meta: Meta, *, replacements: int, senders: int = 10) -> None:
    """Replaces one router after the other, the oldest first."""
    stop = asyncio.Event()
    load = asyncio.create_task(meta.keep_sending(senders, stop, text))
    try:
        for _ in range(replacements):
            await routers.replace(routers.routers[0])
    finally:
        stop.set()
        await load


async def kill_under_load(routers: Fleet, meta: Meta, *, kills: int, seed: int, senders: int = 12) -> None:
    """Kills one router after the other at moments that `seed` decides, and starts another each time."""
    dice = random.Random(seed)  # noqa: S311 - moments are no secret
    stop = asyncio.Event()
    load = asyncio.create_task(meta.keep_sending(senders, stop, text))
    try:
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            await routers.kill(dice.choice(routers.routers))
            await routers.start()
    finally:
        stop.set()
        await load
