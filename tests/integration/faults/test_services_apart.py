"""Services that hang, fail or are held, beside others that are well: those do not notice."""

import asyncio
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from tests.support.config import environment, route, write_config
from tests.support.fleet import FAST, PATIENT, fleet
from tests.support.ledger import Meta, WatchedService, check, kept, query, sender_number, until, until_settled
from tests.support.processes import RouterProcess, run
from tests.support.services import Answer


async def test_one_of_ten_hangs(database_url: str, tmp_path: Path) -> None:
    """Everything for the other nine is delivered and settled while the tenth still hangs with what it got, and it gets
    no more than its share.
    """
    async with Services(10) as services:
        hanging = services["service-0"]
        hanging.answer_with(Answer(hang=True))
        routes = [service_route(name, service, concurrency=8) for name, service in services.items()]
        config = write_config(tmp_path, *routes, router=PATIENT)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            await client.senders(30, 10, lambda _, number: f"word-{number}")
            assert set(client.statuses()) == {200}
            healthy = [service for service in services.values() if service is not hanging]
            for service in healthy:
                await service.wait_for(30)
            await until(lambda: {row.route for row in kept(database_url)} == {"service-0"}, what="the others settled")
            assert hanging.now_open == len(hanging.requests) == 8
            check(client.sent, services, database_url)


async def test_an_open_breaker_charges_nothing_and_delays_nobody(database_url: str, tmp_path: Path) -> None:
    """What comes while a service's breaker is open waits unsent and uncharged, at every router; others are delivered.
    When the service is back, all of it is delivered, once, as a first attempt. (On a slow machine the breaker's wait
    may be over meanwhile: what was the probe is left out.)
    """
    async with WatchedService(Answer(500)) as rides, WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"], retry={"inRequest": 0}),
            route("jobs", jobs.url, keywords=["job"]),
            router=PATIENT,
        )
        async with fleet(config, database_url, count=2) as routers, Meta(routers.pick_any) as client:
            await client.senders(80, 1, lambda sender, _: f"ride {sender}")
            await until_open(routers.routers)
            await until_settled_but_held(database_url)
            before = len(rides.requests)
            parked = [await client.send("ride later", sender_number(100 + number % 3)) for number in range(9)]
            others = [await client.send("job", sender_number(100 + number)) for number in range(9)]
            await jobs.wait_for(9)
            waiting = {row.key: row for row in kept(database_url) if row.table == "inbox"}
            assert {sent.key for sent in others} == set(jobs.keys())
            probes = {request.key for request in rides.requests[before:]}
            untouched = [sent.key for sent in parked if sent.key not in probes]
            assert set(untouched) <= waiting.keys()
            assert {(waiting[key].attempts, waiting[key].state) for key in untouched} == {(0, "waiting")}
            rides.answer_with(Answer())
            await until_settled(database_url)
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url)
        delivered = [request for request in rides.requests if request.key in untouched]
        assert sorted(request.key for request in delivered) == sorted(untouched)
        assert {request.attempt for request in delivered} == {1}
        dead = {row.key for row in kept(database_url)}
        assert not dead & set(untouched)


async def test_a_paused_route_charges_nothing_and_delays_nobody(database_url: str, tmp_path: Path) -> None:
    """The same for a route that is paused, its dead letters included; unpaused, all of it is delivered."""
    async with WatchedService() as rides, WatchedService() as jobs:

        def config(**held: Any) -> Path:
            ride = route("rides", rides.url, keywords=["ride"], **held)
            return write_config(tmp_path, ride, route("jobs", jobs.url, keywords=["job"]), router=PATIENT)

        async with fleet(config(), database_url, count=0) as routers, Meta(routers.pick_any) as client:
            rides.answer_with(Answer(404))
            await routers.start(config=config())
            dead = await client.send("ride 0", "1")
            await until_settled(database_url)
            rides.answer_with(Answer())

            await routers.kill(routers.routers[0])
            paused = config(paused=True)
            router = await routers.start(config=paused)
            before = len(rides.requests)
            parked = [await client.send(f"ride {number}", "1") for number in range(5)]
            others = [await client.send(f"job {number}", "1") for number in range(5)]
            await jobs.wait_for(5)
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now()")
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router.internal_url)
            job = await run("dlq-processor", "--config", str(paused), env=env)
            assert job.returncode == 0, job.output()
            assert {name: job.result()[name] for name in ("processed", "parked")} == {"processed": 0, "parked": 1}
            assert len(rides.requests) == before
            assert jobs.keys() == [sent.key for sent in others]
            assert [(row.key, row.attempts) for row in kept(database_url) if row.table == "inbox"] == [
                (sent.key, 0) for sent in parked
            ]
            assert query(
                database_url,
                "SELECT retry_count, next_retry_at > now() + interval '4 min', abandoned_at FROM wa_dead_letter_queue",
            ) == [(0, True, None)]

            await routers.kill(router)
            await routers.start(config=config())
            await until_settled(database_url)
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url)
        assert [(request.key, request.attempt) for request in rides.requests[before:]] == [
            (sent.key, 1) for sent in parked
        ]
        assert {row.key for row in kept(database_url)} == {dead.key}


async def test_overload_is_refused_at_once(database_url: str, tmp_path: Path) -> None:
    """Above what may wait for its commit a router says 503 at once, and goes on serving what it took."""
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        limits = {"uncommitted_requests": 20, "flush_seconds": 60.0}
        async with (
            fleet(config, database_url, limits=limits) as routers,
            Meta(routers.pick_any) as client,
            await psycopg.AsyncConnection.connect(database_url) as blocker,
        ):
            await client.send("ride")
            await until_settled(database_url)
            await blocker.execute("LOCK TABLE inbox IN SHARE MODE")
            sends = [asyncio.create_task(client.send(f"ride {number}", str(number), tries=1)) for number in range(60)]
            await until(lambda: client.statuses().count(503) == 40, what="the refusals")
            assert client.statuses().count(200) == 1, "while what was taken still waits"
            await blocker.rollback()
            taken = [sent for sent in await asyncio.gather(*sends) if sent.accepted]
            assert len(taken) == 20
            assert (await client.send("ride after", tries=1)).accepted
            await until_settled(database_url)
        check(client.sent, {"rides": rides}, database_url)
        assert len(rides.good) == 22


class Services(dict[str, WatchedService]):
    """So many services, by name."""

    def __init__(self, count: int) -> None:
        super().__init__((f"service-{number}", WatchedService()) for number in range(count))

    async def __aenter__(self) -> Self:
        for service in self.values():
            await service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for service in self.values():
            await service.stop()


def service_route(name: str, service: WatchedService, **fields: Any) -> dict[str, Any]:
    return route(name, service.url, keywords=[name.replace("service", "word")], **fields)


async def until_open(routers: list[RouterProcess]) -> None:
    """Until every router knows that the breaker of rides is open."""
    async with httpx.AsyncClient(timeout=10) as client:
        for router in routers:
            for _ in range(600):
                breakers = (await client.get(router.health_url)).json()["circuitBreakers"]
                if breakers["rides"] != "closed":
                    break
                await asyncio.sleep(0.05)
            else:
                raise TimeoutError(f"still closed: {breakers}")


async def until_settled_but_held(database_url: str) -> None:
    """Until no row is any router's."""
    await until(lambda: all(row.state != "owned" for row in kept(database_url)), what="the rows given back")
