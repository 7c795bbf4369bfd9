"""Postgres stopped, unreachable, out of connections or full: 503 meanwhile, and nothing accepted that is not kept."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from tests.support.config import route, write_config
from tests.support.fleet import FAST, HELD, SHORT_LEASE, fleet
from tests.support.ledger import Meta, WatchedService, check, kept, until, until_settled
from tests.support.processes import RouterProcess
from tests.support.proxy import PostgresProxy
from tests.support.services import Answer

from webhookcore.store.migrate import migrate
from webhookcore_cli.local.postgres import EmbeddedPostgres

SECONDS_NOT_MINUTES = 20.0
END_OF_ROUTERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'webhookcore%'"
SHORT_FLUSH = {**SHORT_LEASE, "flush_seconds": 1.0}


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
        async with fleet(config, proxy.url, limits=SHORT_FLUSH) as routers, Meta(routers.pick_any) as meta:
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
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"], concurrency=2), router=HELD)
        limits = {"lease_seconds": 8.0, "heartbeat_seconds": 0.5}
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


async def test_answer_to_a_commit_lost(database_url: str, tmp_path: Path) -> None:
    """The commit went through and nobody learnt of it: 503. Meta's repeat is a duplicate, and the event is delivered
    once, whether or not Meta repeats it.
    """
    async with PostgresProxy(database_url) as proxy, WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, proxy.url, limits=SHORT_FLUSH) as routers, Meta(routers.pick_any) as meta:
            proxy.lose_answers(lambda data: b"ride unknown" in data)
            repeated = await meta.send("ride unknown, repeated", "1")
            forgotten = await meta.send("ride unknown, forgotten", "2", tries=1)
            proxy.lose_answers(None)
            assert proxy.lost_answers >= 2
            assert repeated.statuses[0] == 503
            assert repeated.accepted
            assert forgotten.statuses == [503]
            # Before it is gone from the inbox it has come to the service.
            assert forgotten.key in {row.key for row in kept(database_url)} | set(rides.keys()), "it was not committed"
            await until_settled(database_url)
        check(meta.sent, {"rides": rides}, database_url)
        assert sorted(rides.keys()) == sorted([repeated.key, forgotten.key])


async def test_answer_to_a_claim_lost(database_url: str, tmp_path: Path) -> None:
    """A router that took rows over and never learnt of it delivers them all the same, in their lanes' order."""
    async with PostgresProxy(database_url) as proxy, WatchedService(Answer(delay=0.05)) as rides:
        rides.gate.clear()
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=HELD)
        async with fleet(config, database_url, limits=SHORT_FLUSH) as routers, Meta(lambda: routers.urls()[0]) as meta:
            await routers.start(database_url=proxy.url)
            await meta.senders(3, 2, lambda _, number: f"ride before {number}")
            await rides.wait_for(3)
            proxy.lose_answers(lambda data: b"{rides" in data)
            await routers.kill(routers.routers[0])
            await until(lambda: all(row.attempts > 1 for row in kept(database_url)), what="the claim")
            proxy.lose_answers(None)
            rides.gate.set()
            await meta.senders(3, 2, lambda _, number: f"ride after {number}")
            await until_settled(database_url)
        check(meta.sent, {"rides": rides}, database_url, most_repeats=2)
        assert len(rides.good) == 12


async def test_pool_exhausted(database_url: str, tmp_path: Path) -> None:
    """Every connection of a router waits for a lock that somebody holds: 503, and no deadlock once it is free."""
    async with WatchedService() as rides:
        config = write_config(
            tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST, database={"poolSize": 2}
        )
        async with (
            fleet(config, database_url, limits=SHORT_FLUSH) as routers,
            Meta(routers.pick_any) as meta,
            await psycopg.AsyncConnection.connect(database_url) as blocker,
        ):
            await meta.send("ride before")
            await until_settled(database_url)
            await blocker.execute("LOCK TABLE inbox, user_sessions, dedupe_keys IN ACCESS EXCLUSIVE MODE")
            sends = [meta.send(f"ride {number}", str(number), tries=1) for number in range(50)]
            refused = await asyncio.gather(*sends)
            assert {status for sent in refused for status in sent.statuses} == {503}
            await blocker.rollback()
            await routers.routers[0].wait_until_ready()
            await meta.senders(5, 2, lambda _, number: f"ride {number}")
            await until_settled(database_url)
        check(meta.sent, {"rides": rides}, database_url)


async def test_no_connection_left_in_postgres(own_postgres: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    """Others took every connection that Postgres has: a router that lost its own answers 503 until one is free."""
    postgres = own_postgres(max_connections="12", superuser_reserved_connections="0")
    migrate(postgres.url(), say=print)
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, postgres.url(), limits=SHORT_FLUSH) as routers, Meta(routers.pick_any) as meta:
            await meta.send("ride before")
            await until_settled(postgres.url())
            postgres.stop()
            postgres.start()
            others = [await psycopg.AsyncConnection.connect(postgres.url(), autocommit=True)]
            await others[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
            while len(others) < 12:
                try:
                    others.append(await psycopg.AsyncConnection.connect(postgres.url()))
                except psycopg.OperationalError:
                    await others[0].execute(END_OF_ROUTERS)
            refused = await meta.send("ride meanwhile", tries=1)
            assert refused.statuses == [503]
            for other in others:
                await other.close()
            await routers.routers[0].wait_until_ready()
            await meta.send("ride after")
            await until_settled(postgres.url())
        check(meta.sent, {"rides": rides}, postgres.url())


async def states(router: RouterProcess) -> dict[str, int]:
    """What the probes say."""
    async with httpx.AsyncClient(timeout=60) as client:
        urls = {name: f"{router.internal_url}/{name}" for name in ("livez", "readyz")} | {"health": router.health_url}
        return {name: (await client.get(url)).status_code for name, url in urls.items()}
