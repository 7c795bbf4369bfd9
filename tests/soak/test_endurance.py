"""Half an hour at 70 % of the peak, and a transaction that stays open for ten minutes: everything stays flat."""

import asyncio
import itertools
import time
from collections import deque
from pathlib import Path
from statistics import median

import psycopg
import pytest
from tests.soak.share import of
from tests.support.config import environment, route, write_config
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, query, sender_number, until_settled
from tests.support.processes import run
from tests.support.raw_clients import resident_now

pytestmark = pytest.mark.timeout(3 * 3600)


async def test_half_an_hour_at_seventy_percent(database_url: str, tmp_path: Path) -> None:
    """Memory and latency of a router are flat: the end is as the beginning, once the beginning has warmed up."""
    seconds, parts = of(30 * 60, least=60), 10
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            rate = 0.7 * await peak(client, database_url, 60)  # a short peak is no rate for long
            memory, latency = [], []
            for part in range(parts):
                latency.append(median(await steady(client, rate, seconds / parts)))
                memory.append(resident_now(routers.routers[0]))
                print(f"part {part}: p50 {latency[-1] * 1000:.1f} ms, {memory[-1] / 2**20:.0f} MiB, {rate:.0f}/s")
            await until_settled(database_url)
        assert set(client.statuses()) == {200}, client.broken[:5]
        check(client.sent, {"rides": rides}, database_url)
    assert memory[-1] <= 1.2 * memory[1], memory
    assert median(latency[-3:]) <= 2 * median(latency[1:4]), latency


async def test_a_transaction_open_for_ten_minutes(database_url: str, tmp_path: Path) -> None:
    """Nothing can be vacuumed meanwhile: messages, claims, retries and clean-up go on, and no slower in the end."""
    seconds, parts = of(10 * 60, least=30), 5
    async with WatchedService() as rides, await psycopg.AsyncConnection.connect(database_url) as held:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url, count=2) as routers, Meta(routers.pick_any) as client:
            await held.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await held.execute("SELECT * FROM inbox, dedupe_keys, user_sessions, wa_dead_letter_queue")
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=routers.routers[0].internal_url)
            latency = []
            for _ in range(parts):
                latency.append(median(await steady(client, 100, seconds / parts)))
                query(database_url, "UPDATE user_sessions SET last_interaction = now() - interval '2 days'")
                for job in ("dlq-processor", "session-cleanup"):
                    ran = await run(job, "--config", str(config), env=env)
                    assert ran.returncode == 0, ran.output()
                assert query(database_url, "SELECT count(*) FROM user_sessions") == [(0,)]
            await until_settled(database_url)
            # What can be dead in the inbox is what went through it, at a few hundred bytes each.
            size = query(database_url, "SELECT pg_total_relation_size('inbox')")[0][0]
        check(client.sent, {"rides": rides}, database_url)
    assert size < 8192 * 64 + 4096 * len(client.sent), f"{size} bytes after {len(client.sent)} events"
    assert latency[-1] <= 3 * latency[0], latency


async def peak(client: Meta, database_url: str, seconds: float) -> float:
    """Messages a second from the first sent to the last delivered, by 32 senders as fast as they are answered.

    What is accepted faster than it is delivered is a backlog, which no router can take for half an hour.
    """
    before, started = len(client.sent), time.monotonic()
    ends = started + seconds

    async def one(number: int) -> None:
        while time.monotonic() < ends:
            await client.send("ride", sender_number(number))

    await asyncio.gather(*(one(number) for number in range(32)))
    await until_settled(database_url)
    return (len(client.sent) - before) / (time.monotonic() - started)


async def steady(client: Meta, rate: float, seconds: float) -> list[float]:
    """So many messages a second, whether or not they are answered; how long each took, in seconds.

    A sender waits for the answer before it sends again: of two that are under way at once, neither is the first.
    """
    took: list[float] = []
    idle = deque(range(1000))
    others = itertools.count(len(idle))

    async def one() -> None:
        number = idle.popleft() if idle else next(others)
        started = time.monotonic()
        await client.send("ride", sender_number(number))
        took.append(time.monotonic() - started)
        idle.append(number)

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            due = started + number / rate
            if due > started + seconds:
                break
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one())
    return took
