"""A node whose clock is wrong, and a transaction elsewhere that stays open: schedules and clean-up do not notice."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from tests.support.config import environment, route, write_config
from tests.support.fleet import FAST, PATIENT, fleet
from tests.support.ledger import Meta, WatchedService, check, query, until_settled
from tests.support.processes import Process, run
from tests.support.services import Answer

DUE_IN = "SELECT extract(epoch FROM next_retry_at - clock_timestamp())::float8 FROM wa_dead_letter_queue"


@pytest.mark.parametrize("ahead", [600, -600])
async def test_a_clock_that_is_ten_minutes_off(database_url: str, tmp_path: Path, ahead: int) -> None:
    """A router whose clock is off delivers at once, schedules retries by the database's clock, tells the true time of
    arrival, and trusts a processor whose clock is off to the other side; that one takes what is due and nothing else.
    """
    async with WatchedService(Answer(404)) as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url, count=0) as routers, Meta(routers.pick_any) as client:
            router = await routers.start(clock_ahead=ahead)
            late, due = await client.send("ride late", "1"), await client.send("ride due", "2")
            await until_settled(database_url)
            in_seconds = query(database_url, DUE_IN)
            assert all(60 < seconds <= 121 for (seconds,) in in_seconds), in_seconds
            told = rides.requests[0].headers["x-wa-received-at"]
            assert query(database_url, "SELECT abs(extract(epoch FROM now() - %s::timestamptz)) < 60", told) == [
                (True,)
            ]

            rides.answer_with(Answer())
            make_due = "UPDATE wa_dead_letter_queue SET next_retry_at = clock_timestamp() WHERE idempotency_key = %s"
            query(database_url, make_due, due.key)
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router.internal_url)
            job = await with_clock(-ahead, "dlq-processor", "--config", str(config), env=env)
            assert job.returncode == 0, job.output()
            assert job.result()["successful"] == job.result()["processed"] == 1
        assert rides.good == {due.key}
        check(client.sent, {"rides": rides}, database_url, most_repeats=5)
        assert query(database_url, "SELECT idempotency_key FROM wa_dead_letter_queue WHERE NOT processed") == [
            (late.key,)
        ]


async def test_a_clock_that_is_ten_minutes_off_and_the_clean_up(database_url: str, tmp_path: Path) -> None:
    """Sessions are deleted by their age in the database's time, not in the job's."""
    query(
        database_url,
        "INSERT INTO user_sessions (phone_number, last_interaction) VALUES"
        " ('old', now() - interval '24 hours 5 minutes'), ('young', now() - interval '23 hours 55 minutes')",
    )
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/"), router=FAST)
    for ahead in (-600, 600):
        job = await with_clock(ahead, "session-cleanup", "--config", str(config), env=environment(database_url))
        assert job.returncode == 0, job.output()
        assert query(database_url, "SELECT phone_number FROM user_sessions") == [("young",)]


async def test_a_rate_limit_across_clocks(database_url: str, tmp_path: Path) -> None:
    """Two routers 20 minutes apart count a sender's messages together."""
    async with WatchedService() as rides:
        limited = {**FAST, "rateLimit": {"messagesPerMinute": 3, "onExceed": "Reject"}}
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=limited)
        async with fleet(config, database_url, count=0) as routers, Meta(routers.pick_any) as client:
            await asyncio.gather(routers.start(clock_ahead=600), routers.start(clock_ahead=-600))
            for number in range(6):
                await client.send(f"ride {number}", "1", tries=1)
            await until_settled(database_url)
        assert client.statuses() == [200] * 3 + [429] * 3
        assert len(rides.requests) == 3


async def test_a_transaction_that_stays_open(database_url: str, tmp_path: Path) -> None:
    """Somebody's transaction holds a snapshot of everything: messages, claims, retries and clean-up go on."""
    async with WatchedService() as rides, await psycopg.AsyncConnection.connect(database_url) as open_for_long:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=PATIENT)
        async with fleet(config, database_url, count=2) as routers, Meta(routers.pick_any) as client:
            await client.send("ride")
            await open_for_long.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            for table in ("inbox", "dedupe_keys", "user_sessions", "wa_dead_letter_queue", "router_instances"):
                await open_for_long.execute(f"SELECT * FROM {table}")  # noqa: S608 - five names
            await client.senders(10, 10, lambda _, number: f"ride {number}")
            await until_settled(database_url)
            rides.answer_with(Answer(404))
            await client.senders(10, 1, lambda _, number: f"ride failed {number}")
            await until_settled(database_url)
            rides.answer_with(Answer())
            await routers.kill(routers.routers[0])
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
            query(database_url, "UPDATE user_sessions SET last_interaction = now() - interval '2 days'")
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=routers.routers[0].internal_url)
            job = await run("dlq-processor", "--config", str(config), env=env)
            assert job.result()["successful"] == 10, job.output()
            job = await run("session-cleanup", "--config", str(config), env=env)
            assert job.result()["sessions"]["deleted"] == 11, job.output()
            await client.send("ride after")
            await until_settled(database_url)
        check(client.sent, {"rides": rides}, database_url, most_repeats=2)
        assert len(rides.good) == 112


async def with_clock(ahead: int, *arguments: str, env: dict[str, str]) -> Process:
    """`webhookcore <arguments>` run to its end on a machine whose clock is off."""
    env = {**env, "PYTHONPATH": str(Path(__file__).parents[3])}
    module = ("tests.support.clock_off", str(ahead), "webhookcore_cli")
    async with await Process.start(*module[1:], *arguments, env=env, module=module[0]) as process:
        await process.wait()
    return process
