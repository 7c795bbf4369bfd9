"""A router that stood still past its lease and goes on: what it held is another's, and it can do nothing to it."""

import asyncio
from pathlib import Path

import psycopg
from tests.support.config import route, write_config
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, kept, query, until, until_settled

LIMITS = {"lease_seconds": 5.0, "heartbeat_seconds": 0.5, "drain_serve_seconds": 0.3}
WAITS_TO_READ = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'webhookcore-router' AND wait_event_type = 'Lock'
  AND query LIKE '%FROM dedupe_keys%'
"""
ROUTER = {"timeoutMs": 4000, "rateLimit": {"messagesPerMinute": 60_000}}


async def test_stopped_past_its_lease_and_continued(database_url: str, tmp_path: Path) -> None:
    """It cannot settle what was delivered meanwhile, it sends nothing that waited in it, and then works again."""
    async with WatchedService() as service:
        service.gate.clear()
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"], concurrency=2), router=ROUTER)
        async with fleet(config, database_url, count=2, limits=LIMITS) as routers:
            stopped, other = routers.routers
            async with Meta(lambda: stopped.url) as meta:
                # Two are under way, four wait in the lanes behind them or for a slot.
                await meta.senders(3, 2, lambda sender, number: f"ride {sender} {number}")
                await service.wait_for(2)
                stopped.pause()
                under_way = {request.key for request in service.requests}
                await service.wait_until(lambda: len(service.requests) == 4, what="the takeover")
                stopped.resume()
                service.gate.set()
                await stopped.wait_for_line("the lease ran out")
                await until_settled(database_url)
                assert [request.attempt for request in service.requests if request.key in under_way] == [1, 1, 2, 2]
                assert all(request.attempt == 2 for request in service.requests if request.key not in under_way)
                check(meta.sent, {"rides": service}, database_url, most_repeats=1)
                assert len(service.good) == 6

                await meta.send("ride again")
                await service.wait_for(9)
                assert service.requests[-1].attempt == 1, "it does not work on as a new router"
                await until_settled(database_url)
        assert not [line for line in other.output().splitlines() if "taken over" in line]
        # The time of its two requests was up when it went on: no dead letter came of that, and none was told of.
        assert query(database_url, "SELECT count(*) FROM wa_dead_letter_queue") == [(0,)]
        assert not stopped.events("CORE_DEAD_LETTERED")


async def test_stopped_settles_nothing_that_another_holds(database_url: str, tmp_path: Path) -> None:
    """While the other router is still delivering, the one that was stopped has the service's 200: the row stays."""
    async with WatchedService() as service:
        service.gate.clear()
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"]), router=ROUTER)
        async with fleet(config, database_url, count=2, limits=LIMITS) as routers:
            stopped = routers.routers[0]
            async with Meta(lambda: stopped.url) as meta:
                await meta.send("ride")
                await service.wait_for(1)
                stopped.pause()
                service.gate.set()
                await until(lambda: len(service.good) == 1)
                service.gate.clear()
                await service.wait_for(2)
                stopped.resume()
                await stopped.wait_for_line("the lease ran out")
                await asyncio.sleep(0.5)  # time to settle what it should not
                rows = kept(database_url)
                assert [(row.table, row.attempts, row.state) for row in rows] == [("inbox", 2, "owned")]
                service.gate.set()
                await until_settled(database_url)
        check(meta.sent, {"rides": service}, database_url, most_repeats=1)


async def test_stopped_in_the_middle_of_a_flush(database_url: str, tmp_path: Path) -> None:
    """It holds its senders' locks and does not go on: Postgres ends its transaction, and the sender is served again by
    the other router; continued, it works on.
    """
    async with WatchedService() as service:
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"]), router=FAST)
        async with (
            fleet(config, database_url, count=2, limits={**LIMITS, "flush_seconds": 2.0}) as routers,
            Meta(lambda: routers.urls()[0]) as to_stopped,
            Meta(lambda: routers.urls()[1]) as to_other,
            await psycopg.AsyncConnection.connect(database_url) as blocker,
        ):
            stopped = routers.routers[0]
            await blocker.execute("LOCK TABLE dedupe_keys IN ACCESS EXCLUSIVE MODE")
            first = asyncio.create_task(to_stopped.send("ride first", "1"))
            await until(lambda: query(database_url, WAITS_TO_READ) == [(1,)], what="a flush that has its lock")
            stopped.pause()
            await blocker.rollback()
            meanwhile = await to_other.send("ride meanwhile", "2", tries=1)
            assert meanwhile.accepted
            behind = await to_other.send("ride behind", "1")
            assert behind.statuses[0] == 503, "the lock was not held: nothing was proved"
            assert behind.accepted
            stopped.resume()
            assert (await first).accepted
            await until_settled(database_url)
        sent = [*to_other.sent, *to_stopped.sent]
        check(sent, {"rides": service}, database_url, ordered=False)
        assert len(service.good) == 3
