"""Routers killed at any moment: what they had accepted is delivered, once or with a word that it came before."""

import asyncio
from pathlib import Path

import psycopg
from tests.support.config import route, write_config
from tests.support.fleet import HELD, fleet
from tests.support.ledger import Meta, WatchedService, check, until, until_settled
from tests.support.rolling import kill
from tests.support.services import Answer


async def test_killed_between_200_and_delivery(database_url: str, tmp_path: Path) -> None:
    """What a router had accepted and not yet delivered goes on through another replica, in order, at most twice."""
    async with WatchedService(Answer(hang=True)) as service:
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"], concurrency=3), router=HELD)
        async with fleet(config, database_url, count=2) as routers:
            first = routers.routers[0]
            async with Meta(lambda: first.url) as meta:
                await meta.senders(5, 4, lambda sender, number: f"ride {sender} {number}")
                await service.wait_for(3)
                await routers.kill(first)
            service.answer_with(Answer())
            await until_settled(database_url)
        check(meta.sent, {"rides": service}, database_url, most_repeats=1)
        assert len(service.good) == 20


async def test_killed_and_started_again(database_url: str, tmp_path: Path) -> None:
    """The only router dies with everything that it accepted; the one that starts in its place delivers all of it."""
    async with WatchedService(Answer(hang=True)) as service:
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"]), router=HELD)
        async with fleet(config, database_url) as routers:
            async with Meta(lambda: routers.routers[0].url) as meta:
                await meta.senders(3, 3, lambda sender, number: f"ride {sender} {number}")
                await service.wait_for(3)
            await routers.kill(routers.routers[0])
            service.answer_with(Answer())
            await routers.start()
            await until_settled(database_url)
        check(meta.sent, {"rides": service}, database_url, most_repeats=1)
        assert len(service.good) == 9


async def test_killed_between_delivery_and_settling(database_url: str, tmp_path: Path) -> None:
    """The service said 200 and the router died before it could note that: one repeat, with the same Idempotency-Key
    and an X-WA-Attempt that says so.
    """
    async with WatchedService() as service:
        service.gate.clear()
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"]), router=HELD)
        async with fleet(config, database_url, count=2) as routers:
            first = routers.routers[0]
            async with Meta(lambda: first.url) as meta, await psycopg.AsyncConnection.connect(database_url) as blocker:
                await meta.senders(4, 1, lambda sender, _: f"ride {sender}")
                await service.wait_for(4)
                # Reading goes on, nothing can be taken out.
                await blocker.execute("LOCK TABLE inbox IN SHARE MODE")
                service.gate.set()
                await until(lambda: len(service.good) == 4)
                await asyncio.sleep(0.2)  # the answers reach the router, which tries to settle
                await routers.kill(first)
                await blocker.rollback()
            await until_settled(database_url)
        check(meta.sent, {"rides": service}, database_url, most_repeats=1)
        assert sorted(request.attempt for request in service.requests) == [1] * 4 + [2] * 4


async def test_killed_at_any_moment(database_url: str, tmp_path: Path) -> None:
    """Under load, again and again."""
    await kill(database_url, tmp_path, kills=4, seed=7)
