"""The internal listener's probes and metrics: when a router is alive, when it is ready, and what it counts."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql
from tests.support import meta
from tests.support.postgres import MIGRATIONS, Databases
from tests.support.processes import RouterProcess
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

from webhookcore.metrics import RouterMetrics
from webhookcore.store.migrate import migrate

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_SECONDS = 60.0
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """`failing` always fails; the SLOs are 1 ms, so that they are always missed."""
    routes = {**TOWN, "failing": {"keywords": ["failing"], "retry": {"inRequest": 0}}}
    spec: dict[str, Any] = {"router": {"slo": {"coldStartMs": 1, "p95Ms": 1}}}
    async with scene(databases, tmp_path_factory.mktemp("internal"), routes, **spec) as it:
        it.services["failing"].answer_with(Answer(500))
        yield it


async def get(town: Scene, path: str, router: RouterProcess | None = None) -> httpx.Response:
    return await town.http.get(f"{(router or town.router).internal_url}{path}")


async def samples(town: Scene) -> Samples:
    """Every sample of /metrics, by name and labels."""
    text = (await get(town, "/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def wait_for_samples(town: Scene, expected: Samples) -> Samples:
    """Until these gauges have these values, all at once: they are told every five seconds."""
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        found = await samples(town)
        if (seen := {key: found.get(key) for key in expected}) == expected:
            return found
        if time.monotonic() > give_up:
            raise TimeoutError(f"{seen} is not {expected}")
        await asyncio.sleep(0.1)


# -- metrics ------------------------------------------------------------------------------------------------------


async def test_every_metric_is_there(town: Scene) -> None:
    """/metrics shows each family that the code names, with its help, in Prometheus' text format; and nothing else."""
    answer = await get(town, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["X-Request-ID"]
    shown = {family.name: family.documentation for family in text_string_to_metric_families(answer.text)}
    known = {family.name: family.documentation for family in RouterMetrics().registry.collect()}
    # A counter or histogram brings a family of its own for when it was created.
    assert {name: text for name, text in shown.items() if not name.endswith("_created")} == known


async def test_the_metrics_move(town: Scene) -> None:
    """What a router does is counted: answers, decisions, deliveries by outcome, latencies, and what is kept where."""
    before = await samples(town)
    sender = number()
    good = [meta.text("taxi", sender), meta.text("job", sender)]
    bad = meta.text("failing", sender)
    await town.send(*good, bad)
    await town.send(good[0])
    assert (await town.post(b"[]")).status_code == 400
    assert (await town.post(b"{}", {"X-Hub-Signature-256": ""})).status_code == 401
    await town.dead_letter(bad["id"])
    await town.settled()
    after = await samples(town)
    moved = {key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)}

    def delta(name: str, **labels: str) -> float:
        return moved.get((name, tuple(sorted(labels.items()))), 0.0)

    assert delta("webhookcore_notifications_received_total", status="200") == 2
    assert delta("webhookcore_notifications_received_total", status="400") == 1
    assert delta("webhookcore_notifications_received_total", status="401") == 1
    assert delta("webhookcore_events_total", reason="keyword") == 3
    assert delta("webhookcore_events_total", reason="duplicate") == 1
    assert delta("webhookcore_deliveries_total", route="mobility", outcome="delivered") == 1
    assert delta("webhookcore_deliveries_total", route="jobs", outcome="delivered") == 1
    assert delta("webhookcore_deliveries_total", route="failing", outcome="failed") == 1
    assert delta("webhookcore_ack_seconds_count") == 2
    assert delta("webhookcore_ack_seconds_bucket", le="+Inf") == 2
    assert delta("webhookcore_ack_seconds_sum") > 0
    assert delta("webhookcore_delivery_seconds_count", route="mobility") == 1
    assert delta("webhookcore_delivery_seconds_count", route="failing") == 0


async def test_the_gauges_tell_what_all_routers_share(town: Scene) -> None:
    """The inbox, the dead letters by state, how long the oldest is due, breakers, and each job's last success."""
    waiting, abandoned = await town.rows(
        "INSERT INTO wa_dead_letter_queue (from_number, payload, next_retry_at, abandoned_at) VALUES"
        " ('x', '{}', now() - interval '1000 s', NULL), ('x', '{}', NULL, now()) RETURNING id"
    )
    letters = "SELECT count(*) FROM wa_dead_letter_queue WHERE NOT processed AND abandoned_at IS NULL"
    await town.rows(
        "INSERT INTO circuit_breakers (service, state, opened_at, probe_at, updated_at)"
        " VALUES ('jobs', 'open', now(), now() + interval '1 h', now())"
    )
    await town.rows(
        "INSERT INTO job_runs (jobname, runid, status, start_time, end_time) VALUES"
        " ('dlq-processor', gen_random_uuid(), 'succeeded', now(), to_timestamp(1764000000)),"
        " ('dlq-processor', gen_random_uuid(), 'failed', now(), now()),"
        " ('session-cleanup', gen_random_uuid(), 'succeeded', now(), to_timestamp(1763950000))"
    )
    # Last, and once the router knows the breaker: whoever sees these rows in the gauges sees all of it.
    await town.until_breaker("jobs", "open")
    await town.rows(
        "INSERT INTO inbox (sender, route, received_at, due_at, idempotency_key, reason, correlation_id, request_id,"
        " body) SELECT 'x', 'mobility', now() - interval '50 s', now() + interval '1 h', '', '', '', '', ''"
        " FROM generate_series(1, 7)"
    )
    depth, held = ("webhookcore_inbox_depth", ()), ("webhookcore_held_rows", ())
    seen = await wait_for_samples(town, {depth: 7.0, held: 0.0})
    assert 50 <= seen["webhookcore_inbox_oldest_seconds", ()] < 50 + WAIT_SECONDS
    assert seen["webhookcore_dead_letters", (("state", "waiting"),)] == await town.value(letters)
    assert seen["webhookcore_dead_letters", (("state", "abandoned"),)] == 1
    assert 1000 <= seen["webhookcore_dead_letter_oldest_due_seconds", ()] < 1000 + WAIT_SECONDS
    assert seen["webhookcore_breaker_open", (("route", "jobs"),)] == 1
    assert seen["webhookcore_breaker_open", (("route", "mobility"),)] == 0
    job = "webhookcore_job_last_success_timestamp_seconds"
    assert seen[job, (("job", "dlq-processor"),)] == 1764000000
    assert seen[job, (("job", "session-cleanup"),)] == 1763950000
    assert seen["webhookcore_uncommitted_requests", ()] == 0
    assert seen["webhookcore_slo_cold_start_seconds", ()] == 0.001
    assert seen["webhookcore_slo_p95_seconds", ()] == 0.001
    assert 0.05 < seen["webhookcore_cold_start_seconds", ()] < WAIT_SECONDS
    await town.rows("DELETE FROM inbox")
    await town.rows("DELETE FROM circuit_breakers")
    await town.rows("DELETE FROM wa_dead_letter_queue WHERE id IN (%s, %s)", waiting["id"], abandoned["id"])


async def test_a_missed_start_is_an_event(town: Scene) -> None:
    """CORE_SLO_VIOLATED tells which SLO was missed, by what, and what it should have been."""
    await town.router.wait_until(lambda: bool(town.router.events("CORE_SLO_VIOLATED")))
    event = town.router.events("CORE_SLO_VIOLATED")[0]
    assert (event["slo"], event["sloMs"]) == ("coldStart", 1)
    seconds = (await samples(town))["webhookcore_cold_start_seconds", ()]
    assert event["valueMs"] == pytest.approx(seconds * 1000, abs=0.1)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/metrics", 405),
        ("POST", "/livez", 405),
        ("GET", "/internal/deliver", 405),
        ("GET", "/health", 404),
        ("POST", "/wa-webhook-core", 404),
        ("GET", "/", 404),
    ],
)
async def test_nothing_else_is_there(town: Scene, method: str, path: str, status: int) -> None:
    """Each listener has its own paths; what is not there is an error as outside."""
    answer = await town.http.request(method, f"{town.router.internal_url}{path}")
    assert answer.status_code == status
    assert answer.json()["error"] == {404: "not_found", 405: "method_not_allowed"}[status]
    assert answer.json()["requestId"] == answer.headers["X-Request-ID"]


# -- ready and alive ----------------------------------------------------------------------------------------------


async def test_ready_and_alive(town: Scene) -> None:
    """A router that works is both."""
    ready, alive = await get(town, "/readyz"), await get(town, "/livez")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})


async def test_a_schema_that_is_behind(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On a database without its tables a router is alive and not ready, says why, and accepts nothing; migrated, it
    becomes ready by itself.
    """
    with databases.fresh(migrated=False) as url:
        async with Scene(url, tmp_path_factory.mktemp("behind")) as it:
            await it.describe(TOWN, {})
            router = await it.start(ready=False)
            await router.wait_for_line("the schema does not fit")
            answer = await get(it, "/readyz")
            assert (answer.status_code, answer.json()["error"]) == (503, "not_ready")
            assert answer.json()["message"].startswith("the schema does not fit: not yet applied: 0001.initial")
            assert (await get(it, "/livez")).status_code == 200
            message = meta.text("taxi", number())
            refused = await it.post(meta.body(message))
            assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
            assert refused.headers["Retry-After"] == "1"
            migrate(url, say=print, folder=MIGRATIONS)
            await router.wait_until_ready()
            await it.send(message)
            await it.got("mobility", message["id"])


@pytest.mark.parametrize(("later", "works"), [("9999.adds-a-column", True), ("9999.contract.drops-a-column", False)])
async def test_a_schema_of_a_later_release(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, later: str, works: bool
) -> None:
    """A schema to which a later release only added is worked with, with a warning; one that it took from is not."""
    with databases.fresh() as url:
        async with Scene(url, tmp_path_factory.mktemp("later")) as it:
            await it.rows("INSERT INTO schema_migrations (id, checksum) VALUES (%s, 'x')", later)
            await it.describe(TOWN, {})
            router = await it.start(ready=False)
            await router.wait_for_line(later)
            if works:
                await router.wait_until_ready()
            else:
                assert (await get(it, "/readyz")).status_code == 503


async def test_the_database_goes_away_and_comes_back(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without its database a router is alive, not ready and unhealthy, and answers 503 at once; when the database is
    back it goes on by itself, and delivers what it had accepted.
    """
    async with scene(databases, tmp_path_factory.mktemp("away"), TOWN) as it:
        mobility = it.services["mobility"]
        mobility.answer_next(Answer(delay=2.0))
        kept = meta.text("taxi", number())
        await it.send(kept)
        await mobility.wait_for(1)
        with psycopg.connect(databases.url("postgres"), autocommit=True) as admin:
            name = it.database_url.partition("?")[0].rpartition("/")[2]
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            admin.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name <> ''",
                [name],
            )
            answers = {path: await get(it, path) for path in ("/livez", "/readyz")}
            health = await it.http.get(it.router.health_url)
            refused = await it.post(meta.body(meta.text("taxi", number())))
            admin.execute(allow.format(sql.Identifier(name), sql.Literal(True)))
        assert {path: answer.status_code for path, answer in answers.items()} == {"/livez": 200, "/readyz": 503}
        assert answers["/readyz"].json()["message"] == "the database does not answer"
        told = health.json()
        assert (health.status_code, told["status"]) == (503, "unhealthy")
        assert told["checks"] == {"database": False, "latency": None}
        assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
        await it.router.wait_until_ready()
        message = meta.text("taxi", number())
        await it.insist(message)
        await it.got("mobility", message["id"])
        await it.settled()
        assert mobility.keys().count(kept["id"]) == 1
