"""Dead letters from their making to their end, through real routers and the real dlq-processor."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.config import environment, route, write_config
from tests.support.dead_letters import insert_many
from tests.support.fleet import PATIENT, fleet
from tests.support.ledger import Meta, WatchedService, check, kept, query, sender_number, until, until_settled
from tests.support.ports import free_port
from tests.support.processes import Process, RouterProcess, run
from tests.support.services import Answer, Received


async def test_a_backlog_due_at_once(database_url: str, tmp_path: Path) -> None:
    """A backlog is drained in one run, the oldest first, and no service gets more at a time than it may."""
    async with WatchedService(Answer(delay=0.001)) as rides:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"], concurrency=20),
            # More than the service may get, and few enough that none waits for its turn until it is parked.
            dlq={"concurrency": 25},
            router=PATIENT,
        )
        insert_many(database_url, 3_000)
        async with fleet(config, database_url) as routers:
            job = await processor(config, database_url, routers.routers[0])
        assert counts(job) == {"processed": 3_000, "successful": 3_000, "failed": 0}
        assert query(database_url, "SELECT count(*) FROM wa_dead_letter_queue WHERE processed = false") == [(0,)]
    came = [int(request.key.removeprefix("wamid.")) for request in rides.requests]
    assert sorted(came) == list(range(1, 3_001))
    # A busy machine may take longer to connect than a router waits: the service has not seen that attempt.
    assert 2 in {request.attempt for request in rides.requests} <= {2, 3}
    assert rides.most_open <= 20
    # Those that are claimed together may overtake each other, by no more than were under way.
    assert max(abs(place - number) for place, number in enumerate(came, 1)) <= 200


async def test_a_poison_message(database_url: str, tmp_path: Path) -> None:
    """A message that makes its service fail is tried three times more, each time told of, and abandoned. Whatever comes
    after it, from the same sender too, is delivered meanwhile.
    """
    async with WatchedService(fails_on("poison")) as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=PATIENT)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            poison = await client.send("ride poison", "1")
            after = [await client.send(f"ride {number}", sender) for sender in "12" for number in range(3)]
            await until_settled(database_url)
            assert {sent.key for sent in after} == rides.good
            for retry in (1, 2, 3):
                query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
                job = await processor(config, database_url, routers.routers[0])
                assert counts(job) == {"processed": 1, "successful": 0, "failed": 1}
                assert query(
                    database_url, "SELECT retry_count, processed, abandoned_at IS NOT NULL FROM wa_dead_letter_queue"
                ) == [(retry, False, retry == 3)]
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
            assert counts(await processor(config, database_url, routers.routers[0]))["processed"] == 0
        attempts = [request.attempt for request in rides.requests if request.key == poison.key]
        assert attempts == sorted(set(attempts))
        check(client.sent, {"rides": rides}, database_url, most_repeats=len(attempts) - 1)


async def test_two_processors_at_once(database_url: str, tmp_path: Path) -> None:
    """Two runs through two routers share the work, and each row is delivered once."""
    async with WatchedService(Answer(delay=0.005)) as rides:
        # Together no more than the service may get at a time: none waits for its turn until it is parked.
        rides_route = route("rides", rides.url, keywords=["ride"], concurrency=20)
        config = write_config(tmp_path, rides_route, dlq={"concurrency": 10}, router=PATIENT)
        insert_many(database_url, 600)
        async with fleet(config, database_url, count=2) as routers:
            jobs = await asyncio.gather(*(processor(config, database_url, router) for router in routers.routers))
        assert sum(counts(job)["successful"] for job in jobs) == 600
    assert len(rides.requests) == 600
    assert len(set(rides.keys())) == 600


async def test_later_when_the_sender_talks_to_another_service(database_url: str, tmp_path: Path) -> None:
    """A redelivery goes where it was decided to go first, and leaves session, rate limit and dedupe keys alone."""
    async with WatchedService(Answer(503)) as rides, WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"]),
            route("jobs", jobs.url, keywords=["job"]),
            router=PATIENT,
        )
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            ride = await client.send("ride", "1")
            await until_settled(database_url)
            await client.send("job", "1")
            await until_settled(database_url)
            before = remembered(database_url)
            rides.answer_with(Answer())
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
            job = await processor(config, database_url, routers.routers[0])
            assert counts(job) == {"processed": 1, "successful": 1, "failed": 0}
            assert rides.good == {ride.key}
            assert remembered(database_url) == before
            follow_up = await client.send("and where?", "1")
            await until_settled(database_url)
        assert follow_up.key in jobs.good
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url, most_repeats=10)


async def test_no_router_while_the_processor_runs(database_url: str, tmp_path: Path) -> None:
    """Nothing is charged for Webhook Core's own absence: the run fails, leases go back, the next one delivers."""
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=PATIENT)
        insert_many(database_url, 20)
        env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=f"http://127.0.0.1:{free_port()}")
        job = await run("dlq-processor", "--config", str(config), env=env)
        assert job.returncode not in (0, 78), job.output()
        assert job.result()["success"] is False
        assert query(
            database_url,
            "SELECT DISTINCT retry_count, lease_owner, abandoned_at, next_retry_at < now() FROM wa_dead_letter_queue",
        ) == [(0, None, None, True)]
        async with fleet(config, database_url) as routers:
            assert counts(await processor(config, database_url, routers.routers[0]))["successful"] == 20
    assert len(rides.requests) == 20


async def test_a_router_killed_in_the_middle_of_redeliveries(database_url: str, tmp_path: Path) -> None:
    """What it was delivering is not charged; another run delivers it, and says that it may have come before."""
    async with WatchedService() as rides:
        rides.gate.clear()
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=PATIENT)
        insert_many(database_url, 30)
        async with fleet(config, database_url) as routers:
            router = routers.routers[0]
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router.internal_url)
            async with await Process.start("dlq-processor", "--config", str(config), env=env) as job:
                await rides.wait_for(30)
                await routers.kill(router)
                await job.wait()
                assert job.returncode not in (0, 78), job.output()
            rides.gate.set()
            assert query(
                database_url, "SELECT DISTINCT retry_count, lease_owner, processed FROM wa_dead_letter_queue"
            ) == [(0, None, False)]
            again = await processor(config, database_url, await routers.start())
            assert counts(again) == {"processed": 30, "successful": 30, "failed": 0}
    assert len(rides.requests) == 60
    for key in set(rides.keys()):
        attempts = [request.attempt for request in rides.requests if request.key == key]
        assert attempts[1] > attempts[0]


async def test_a_lane_while_its_dead_letter_is_redelivered(database_url: str, tmp_path: Path) -> None:
    """A dead letter may arrive after a newer event of its lane, never at the same time."""
    async with WatchedService(Answer(503)) as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=PATIENT)
        async with fleet(config, database_url, count=2) as routers, Meta(routers.pick_any) as client:
            await client.senders(5, 1, lambda _, number: f"ride {number}")
            await until_settled(database_url)
            rides.answer_with(Answer(delay=0.05))
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
            stop = asyncio.Event()
            load = asyncio.create_task(client.keep_sending(5, stop, lambda _, number: f"ride {number}"))
            job = await processor(config, database_url, routers.routers[0])
            await until(lambda: len(rides.good) > 30, what="deliveries")
            stop.set()
            await load
            await until_settled(database_url)
            left = query(database_url, "SELECT count(*) FROM wa_dead_letter_queue WHERE NOT processed")[0][0]
            assert counts(job)["successful"] + left == 5
        assert not rides.overlaps
        check(client.sent, {"rides": rides}, database_url, most_repeats=10)
        assert {row.sender for row in kept(database_url)} == {sender_number(number) for number in range(5)}


async def processor(config: Path, database_url: str, router: RouterProcess) -> Process:
    """A run that worked."""
    env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router.internal_url)
    job = await run("dlq-processor", "--config", str(config), env=env, seconds=110)
    assert job.returncode == 0, job.output()
    return job


def counts(job: Process) -> Mapping[str, Any]:
    return {name: job.result()[name] for name in ("processed", "successful", "failed")}


def fails_on(word: str) -> Any:
    def script(received: Received) -> Answer:
        return Answer(500) if word in received.text() else Answer()

    return script


def remembered(database_url: str) -> list[Any]:
    """Sessions with their rate limits, and dedupe keys."""
    return [
        query(database_url, "SELECT * FROM user_sessions ORDER BY phone_number"),
        query(database_url, "SELECT * FROM dedupe_keys ORDER BY key"),
    ]
