"""The dlq-processor on a real Postgres, against a listener that answers what a router would."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.config import environment, route, write_config
from tests.support.dead_letters import due, execute, insert, insert_many, letter, row, rows
from tests.support.internal_listener import InternalListener
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.services import Answer as HttpAnswer

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.redelivery import Redelivery
from webhookcore.settings import Settings, load_settings
from webhookcore.store import dead_letters
from webhookcore.store.migrate import migrate
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_workers import dlq_processor
from webhookcore_workers.job import JobResult
from webhookcore_workers.result import Exit


@pytest.fixture
async def listener() -> AsyncIterator[InternalListener]:
    async with InternalListener() as listener:
        yield listener


class Processor:
    """The job with settings of its own, run in this process."""

    def __init__(self, folder: Path, database_url: str, router_url: str, **dlq: Any) -> None:
        self.config = write_config(
            folder, route("rides", "http://127.0.0.1:9/webhook"), router={"timeoutMs": 1000}, dlq=dlq
        )
        self.env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router_url)
        self.settings: Settings = load_settings(self.config, self.env)

    async def run(self, stop: asyncio.Event | None = None) -> JobResult:
        return await dlq_processor.run(self.settings, stop)


def counts(result: JobResult) -> dict[str, Any]:
    return {name: value for name, value in result.result.items() if name != "durationMs"}


def expected(**changes: Any) -> dict[str, Any]:
    nothing = {"processed": 0, "successful": 0, "failed": 0, "abandoned": 0, "parked": 0, "unreached": 0, "lost": 0}
    return {"success": True} | nothing | changes


def leases(url: str) -> int:
    return len(rows(url, "id", "lease_owner IS NOT NULL"))


async def test_a_run_with_nothing_to_do(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Worked, nothing processed, no request, and a row in job_runs."""
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert result.code is Exit.WORKED
    assert counts(result) == expected()
    assert listener.requests == []
    with psycopg.connect(database_url) as conn:
        found = conn.execute("SELECT jobname, status, result FROM job_runs WHERE end_time > start_time").fetchall()
    assert found == [("dlq-processor", "succeeded", result.result)]


async def test_what_is_due_is_delivered(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Each row goes to the router with all that it needs, signed, with the retry's number, and becomes processed."""
    written = letter(attempts=2, retry_count=1, menu_selection="1", body=b'{"exact": "\\u0000"}')
    insert(database_url, [written])
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=1, successful=1)
    assert listener.redeliveries == [
        Redelivery(
            id=written["id"],
            route="rides",
            reason="keyword",
            menu_selection="1",
            sender=written["from_number"],
            message_id=written["message_id"],
            idempotency_key=written["idempotency_key"],
            attempt=3,
            retry=2,
            received_at=written["received_at"],
            correlation_id=written["correlation_id"],
            request_id=written["request_id"],
            traceparent=None,
            body=b'{"exact": "\\u0000"}',
        )
    ]
    [request] = listener.requests
    assert request.headers["x-dlq-retry"] == "2"
    assert request.headers["x-correlation-id"] == written["correlation_id"]
    assert row(database_url, written["id"], "processed, retry_count, attempts, lease_owner") == (True, 1, 3, None)


async def test_every_outcome_is_settled(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Delivered, failed, abandoned, parked: what the design says of each, and the counts of the result."""
    later = datetime.now(UTC) + timedelta(minutes=5)
    outcomes: dict[UUID, Outcome] = {
        UUID(int=1): Delivered(204),
        UUID(int=2): Failed(FailureCode.SERVER_ERROR, "answered 500", 500),
        UUID(int=3): Abandoned(FailureCode.NEVER_RETRY, "answered 422", 422),
        UUID(int=4): Parked("paused", later),
    }
    listener.script = lambda redelivery: outcomes[redelivery.id]
    insert(database_url, [letter(id=row_id) for row_id in outcomes])
    before = datetime.now(UTC)
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=3, successful=1, failed=2, abandoned=1, parked=1)
    columns = "processed, abandoned_at IS NOT NULL, retry_count, error_code, error_message"
    assert row(database_url, UUID(int=1), columns) == (True, False, 0, "ServerError", "the service answered 503")
    assert row(database_url, UUID(int=2), columns) == (False, False, 1, "ServerError", "answered 500")
    assert row(database_url, UUID(int=3), columns) == (False, True, 1, "NeverRetry", "answered 422")
    assert row(database_url, UUID(int=4), columns) == (False, False, 0, "ServerError", "the service answered 503")
    [(again,)] = rows(database_url, "next_retry_at", f"id = '{UUID(int=2)}'")
    assert timedelta(minutes=4) <= again - before <= timedelta(minutes=4, seconds=30)
    assert row(database_url, UUID(int=4), "next_retry_at") == (later,)


async def test_a_row_is_abandoned_after_the_third_failed_retry(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """Waits of 4 and 8 minutes after the first and second, then it is abandoned and never processed."""
    listener.script = lambda _redelivery: Failed(FailureCode.TIMEOUT, "no answer")
    [row_id] = insert(database_url, [letter(retry_count=0)])
    processor = Processor(tmp_path, database_url, listener.base_url)
    waits = []
    for _ in range(3):
        result = await processor.run()
        abandoned, again, updated = row(database_url, row_id, "abandoned_at, next_retry_at, updated_at")
        waits.append(None if again is None else round((again - updated).total_seconds()))
        execute(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now() WHERE abandoned_at IS NULL")
    assert waits == [240, 480, None]
    assert abandoned is not None
    assert counts(result) == expected(processed=1, failed=1, abandoned=1)
    assert row(database_url, row_id, "processed, retry_count, attempts") == (False, 3, 4)
    assert counts(await processor.run()) == expected()
    assert [one.retry for one in listener.redeliveries] == [1, 2, 3]


async def test_a_services_retry_after_wins_when_it_is_later(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """As the router passes it on."""
    listener.script = lambda _redelivery: Failed(FailureCode.THROTTLED, "429", 429, retry_after_seconds=1800.0)
    [row_id] = insert(database_url, [letter()])
    await Processor(tmp_path, database_url, listener.base_url).run()
    again, updated = row(database_url, row_id, "next_retry_at, updated_at")
    assert again - updated == timedelta(minutes=30)


async def test_a_parked_row_is_not_asked_about_in_a_circle(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """Also when the probe's time has passed while the answer was on its way."""
    listener.script = lambda _redelivery: Parked("breaker_open", datetime.now(UTC) - timedelta(seconds=1))
    insert(database_url, [letter()])
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(parked=1)


async def test_the_whole_backlog_is_drained_in_order_of_age(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """Batch after batch in one run; nearly in order: at most `concurrency` are under way at a time."""
    insert_many(database_url, 500)
    result = await Processor(tmp_path, database_url, listener.base_url, batchSize=20, concurrency=10).run()
    assert counts(result) == expected(processed=500, successful=500)
    places = [int(one.idempotency_key.removeprefix("wamid.")) for one in listener.redeliveries]
    assert sorted(places) == list(range(1, 501))
    assert all(abs(place - number) <= 40 for number, place in enumerate(places))
    assert listener.most_open <= 10
    assert leases(database_url) == 0


async def test_rows_of_one_lane_go_one_after_the_other(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """40 rows of three senders: never two of a sender under way at once, in the order of their age, in one run."""
    insert_many(database_url, 40, lanes=3)
    listener.delay = 0.01
    under_way: set[str] = set()
    order: dict[str, list[int]] = {}

    def script(redelivery: Redelivery) -> Outcome:
        with psycopg.connect(database_url) as conn:
            statement = "SELECT from_number, route FROM wa_dead_letter_queue WHERE lease_owner IS NOT NULL"
            leased = conn.execute(statement).fetchall()
        assert len(leased) == len(set(leased))
        order.setdefault(redelivery.sender, []).append(int(redelivery.idempotency_key.removeprefix("wamid.")))
        return Delivered(200)

    listener.script = script
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=40, successful=40)
    assert not under_way
    assert len(order) == 3
    assert all(places == sorted(places) for places in order.values())


async def test_two_processors_share_the_work(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Both get some, no row goes twice."""
    insert_many(database_url, 600)
    listener.delay = 0.02  # long enough that one alone is not done before the other begins
    processor = Processor(tmp_path, database_url, listener.base_url, batchSize=10, concurrency=5)
    results = await asyncio.gather(processor.run(), processor.run())
    assert sum(one.result["successful"] for one in results) == 600
    assert all(one.result["successful"] > 100 for one in results)
    assert len({one.id for one in listener.redeliveries}) == len(listener.redeliveries) == 600


async def test_no_router_at_all(tmp_path: Path, database_url: str) -> None:
    """The run ends with an error; no attempt is charged, no lease is kept, everything is due as it was."""
    when = due(60)
    insert(database_url, [letter(next_retry_at=when) for _ in range(60)])
    result = await Processor(tmp_path, database_url, f"http://127.0.0.1:{free_port()}").run()
    assert result.code is Exit.TRY_AGAIN
    assert result.result["success"] is False
    assert "no router could be reached" in result.result["error"]
    assert "refused" in result.result["error"]
    assert rows(database_url, "DISTINCT retry_count", "true ORDER BY 1 --") == [(0,)]
    assert {found for (found,) in rows(database_url, "next_retry_at")} == {when}
    assert {found for (found,) in rows(database_url, "taken_over")} == {False}
    assert leases(database_url) == 0
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT status FROM job_runs").fetchall() == [("failed",)]


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(200, body=b"<html>a proxy's page</html>"),
        HttpAnswer(200, body=b'{"outcome": "delivered"}'),
        HttpAnswer(200, body=b""),
        HttpAnswer(204),
        HttpAnswer(302, {"Location": "http://127.0.0.1:9/"}),
        HttpAnswer(401),
        HttpAnswer(404),
        HttpAnswer(503),
        HttpAnswer(cut=True),
        HttpAnswer(200, body=b"x" * 3_000_000),
    ],
    ids=lambda answer: f"{answer.status}-{len(answer.body)}-{answer.cut}",
)
async def test_anything_but_an_outcome_charges_nothing(
    tmp_path: Path,
    database_url: str,
    listener: InternalListener,
    monkeypatch: pytest.MonkeyPatch,
    answer: HttpAnswer,
) -> None:
    """A proxy, another service, a broken router: as if no router had been reached."""
    monkeypatch.setattr("webhookcore_workers.hold.PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("webhookcore_workers.dlq_run._BLOCKED_PAUSE_SECONDS", 0.01)
    listener.script = lambda _redelivery: answer
    [row_id] = insert(database_url, [letter(retry_count=2)])
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert result.code is Exit.TRY_AGAIN
    assert "no router could be reached" in result.result["error"]
    assert (result.result["processed"], result.result["unreached"]) == (0, 2)
    assert row(database_url, row_id, "processed, abandoned_at, retry_count, lease_owner") == (False, None, 2, None)
    assert row(database_url, row_id, "taken_over") == (answer.cut,), "it may have been sent when no answer came at all"


async def test_a_router_that_hangs_charges_nothing(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """It gets timeoutMs and 2 s, not more."""
    listener.script = lambda _redelivery: HttpAnswer(hang=True)
    [row_id] = insert(database_url, [letter()])
    started = time.monotonic()
    result = await Processor(tmp_path, database_url, listener.base_url, maxRunSeconds=2).run()
    assert time.monotonic() - started >= 3
    assert result.result["unreached"] == 1
    assert row(database_url, row_id, "retry_count, lease_owner, taken_over") == (0, None, True)


async def test_one_row_that_breaks_the_answer_blocks_nobody(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """It is tried twice, never charged, and all others are delivered in the same run."""
    poison = UUID(int=1)
    listener.script = lambda one: HttpAnswer(500) if one.id == poison else Delivered(200)
    insert(database_url, [letter(id=poison, next_retry_at=due(9)), *(letter() for _ in range(150))])
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert result.code is Exit.WORKED
    assert counts(result) == expected(processed=150, successful=150, unreached=2)
    assert row(database_url, poison, "processed, retry_count, lease_owner") == (False, 0, None)


async def test_a_router_that_restarts_is_found_again(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """It is away for half a second in the middle of a run: nothing is charged, everything is delivered."""
    insert_many(database_url, 300)
    listener.delay = 0.002
    running = asyncio.create_task(Processor(tmp_path, database_url, listener.base_url, concurrency=5).run())
    await listener.wait_for(50)
    await listener.stop()
    await asyncio.sleep(0.5)
    await listener.start()
    result = await running
    assert result.code is Exit.WORKED
    assert result.result["successful"] == 300
    assert result.result["failed"] == 0
    assert {found for (found,) in rows(database_url, "retry_count")} == {0}


async def test_a_busy_lane_is_left_to_the_router(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """An event of the same sender and route is being delivered: the run waits a moment, then ends without the row."""
    held, free = insert(database_url, [letter(from_number="1"), letter()])
    execute(
        database_url,
        "INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason,"
        " correlation_id, request_id, body)"
        " VALUES ('1', 'rides', gen_random_uuid(), 1, now(), now(), 'k', 'x', 'c', 'r', '')",
    )
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=1, successful=1)
    assert [one.id for one in listener.redeliveries] == [free]
    assert row(database_url, held, "processed, attempts, lease_owner") == (False, 1, None)


async def test_the_time_is_up(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """A run claims nothing after maxRunSeconds, finishes what is under way, and gives the rest back."""
    insert_many(database_url, 400)
    listener.delay = 0.4
    result = await Processor(
        tmp_path, database_url, listener.base_url, maxRunSeconds=2, batchSize=20, concurrency=4
    ).run()
    assert result.code is Exit.WORKED
    assert result.result["outOfTime"] is True
    assert 4 <= result.result["successful"] < 100
    assert result.result["successful"] == len(listener.redeliveries)
    assert leases(database_url) == 0


async def test_a_stop_ends_the_run_and_gives_leases_back(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """What is being sent is finished and settled; nothing else begins."""
    insert_many(database_url, 400)
    listener.delay = 0.3
    stop = asyncio.Event()
    running = asyncio.create_task(Processor(tmp_path, database_url, listener.base_url, concurrency=10).run(stop))
    await listener.wait_for(10)
    stop.set()
    result = await running
    assert result.code is Exit.WORKED
    assert result.result["interrupted"] is True
    assert result.result["successful"] == len(listener.redeliveries) <= 20
    assert len(rows(database_url, "id", "processed")) == result.result["successful"]
    assert leases(database_url) == 0


async def test_a_processor_that_sends_little_leases_little(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """While a row is leased, newer messages of its lane wait: a processor that dies must not hold many of them up, nor
    for long, however large its batches may be.
    """
    insert_many(database_url, 50)
    listener.delay = 0.5
    stop = asyncio.Event()
    processor = Processor(tmp_path, database_url, listener.base_url, batchSize=1000, concurrency=1)
    running = asyncio.create_task(processor.run(stop))
    await listener.wait_for(2)
    with psycopg.connect(database_url) as conn:
        (held,), (seconds,) = conn.execute(
            "SELECT count(*) FROM wa_dead_letter_queue WHERE lease_owner IS NOT NULL UNION ALL "
            "SELECT max(extract(epoch FROM lease_until - now())) FROM wa_dead_letter_queue"
        ).fetchall()
    stop.set()
    await running
    assert 1 <= held <= 4
    assert 0 < seconds <= 40


async def test_sigterm(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """As a pod gets it: exit 0, leases given back, the result last on stdout."""
    insert_many(database_url, 200)
    listener.delay = 0.3
    processor = Processor(tmp_path, database_url, listener.base_url, concurrency=10)
    process = await Process.start("dlq-processor", "--config", str(processor.config), env=processor.env)
    async with process:
        await listener.wait_for(10)
        process.terminate()
        assert await process.wait() == 0
    result = process.result()
    assert result["success"] is True
    assert result["interrupted"] is True
    assert result["successful"] == len(listener.redeliveries)
    assert leases(database_url) == 0


async def test_events_and_result_of_a_process(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Started, one for each row, completed, then the result; no phone number and no message id in the clear."""
    outcomes: list[Outcome] = [
        Delivered(200),
        Failed(FailureCode.TIMEOUT, "no answer"),
        Abandoned(FailureCode.ROUTE_GONE, "gone"),
        Parked("paused", datetime.now(UTC) + timedelta(minutes=5)),
    ]
    listener.script = lambda _redelivery: outcomes.pop()
    written = [letter() for _ in range(4)]
    insert(database_url, written)
    processor = Processor(tmp_path, database_url, listener.base_url)
    async with await Process.start("dlq-processor", "--config", str(processor.config), env=processor.env) as process:
        assert await process.wait() == 0
    names = [event["event"] for event in process.events()]
    assert names[0] == "DLQ_PROCESSOR_STARTED"
    assert names[-1] == "DLQ_PROCESSOR_COMPLETED"
    assert sorted(names[1:-1]) == [
        "DLQ_MESSAGE_ABANDONED",
        "DLQ_MESSAGE_PROCESSED",
        "DLQ_MESSAGE_RETRY_SCHEDULED",
        "DLQ_MESSAGE_RETRY_SCHEDULED",
    ]
    for event in process.events()[1:-1]:
        assert {"correlationId", "requestId", "sender", "messageId", "route", "retry", "attempts"} <= set(event)
    for one in written:
        assert one["from_number"] not in process.output()
        assert one["message_id"] not in process.output()
    assert process.errors == []
    result = process.result()
    assert list(result)[:5] == ["success", "processed", "successful", "failed", "abandoned"]
    assert result["processed"] == 3


async def test_what_a_dead_processor_held_comes_back(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """Killed in the middle: its leases run out, its row in job_runs is closed, the rows are delivered once more."""
    insert_many(database_url, 10)
    listener.script = lambda _redelivery: HttpAnswer(hang=True)
    processor = Processor(tmp_path, database_url, listener.base_url)
    async with await Process.start("dlq-processor", "--config", str(processor.config), env=processor.env) as process:
        await listener.wait_for(10)
        await process.kill()
    assert leases(database_url) == 10
    execute(database_url, "UPDATE wa_dead_letter_queue SET lease_until = now() - interval '1 s'")
    execute(database_url, "UPDATE job_runs SET start_time = start_time - interval '1 hour'")
    listener.script = lambda _redelivery: Delivered(200)
    assert counts(await processor.run()) == expected(processed=10, successful=10)
    assert {found for (found,) in rows(database_url, "attempts")} == {3}
    with psycopg.connect(database_url) as conn:
        found = conn.execute("SELECT status, result->>'error' FROM job_runs ORDER BY start_time").fetchall()
    assert found == [("failed", "the process ended without a result"), ("succeeded", None)]


async def test_a_lease_that_somebody_took_is_not_settled(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """`dlq retry` or another processor has the row now: this run's answer is counted as lost and writes nothing."""
    [row_id] = insert(database_url, [letter()])

    def script(_redelivery: Redelivery) -> Outcome:
        execute(database_url, "UPDATE wa_dead_letter_queue SET lease_owner = gen_random_uuid()")
        return Delivered(200)

    listener.script = script
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(lost=1)
    assert row(database_url, row_id, "processed") == (False,)


@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        ("DELETE FROM schema_migrations", 1, "not yet applied"),
        ("UPDATE schema_migrations SET checksum = 'x'", 78, "was changed"),
        ("INSERT INTO schema_migrations VALUES ('9999.contract.all', 'x')", 78, "took away"),
    ],
)
async def test_a_schema_that_does_not_fit(
    tmp_path: Path, database_url: str, change: str, code: int, error: str
) -> None:
    """Nothing is touched: behind, it may get better; otherwise it will not."""
    [row_id] = insert(database_url, [letter()])
    execute(database_url, change)
    result = await Processor(tmp_path, database_url, "http://127.0.0.1:9").run()
    assert (result.code, result.result["success"]) == (code, False)
    assert error in result.result["error"]
    assert row(database_url, row_id, "attempts") == (1,)


async def test_a_newer_schema_is_worked_on(
    tmp_path: Path, database_url: str, listener: InternalListener, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a warning: an image may be rolled back."""
    insert(database_url, [letter()])
    execute(database_url, "INSERT INTO schema_migrations VALUES ('9999.more', 'x')")
    assert counts(await Processor(tmp_path, database_url, listener.base_url).run()) == expected(
        processed=1, successful=1
    )
    assert "9999.more" in capsys.readouterr().err


async def test_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Told why nothing happens, then an error that may be tried again."""
    monkeypatch.setattr("webhookcore_workers.job.REACH_SECONDS", 2.5)
    processor = Processor(tmp_path, f"postgresql://127.0.0.1:{free_port()}/x", "http://127.0.0.1:9")
    result = await processor.run()
    assert result.code is Exit.TRY_AGAIN
    assert result.result["error"].startswith("the database is away: ")
    assert "waiting for the database" in capsys.readouterr().err


async def test_no_database_named(tmp_path: Path) -> None:
    """A configuration error."""
    processor = Processor(tmp_path, "postgresql:///x", "http://127.0.0.1:9")
    result = await dlq_processor.run(replace(processor.settings, database_url=None))
    assert result.code is Exit.CONFIGURATION
    assert "DATABASE_URL" in json.dumps(result.result)


async def test_postgres_goes_away_for_a_moment(
    tmp_path: Path,
    own_postgres: Callable[..., EmbeddedPostgres],
    listener: InternalListener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped at once and started again in the middle of a run: every answer is kept, nothing is sent twice."""
    monkeypatch.setattr("webhookcore_workers.patience.PATIENCE_SECONDS", 60)
    postgres = own_postgres(fsync="on")
    migrate(postgres.url(), say=print)
    insert_many(postgres.url(), 300)
    listener.delay = 0.01
    processor = Processor(tmp_path, postgres.url(), listener.base_url, concurrency=5)
    running = asyncio.create_task(processor.run())
    await listener.wait_for(50)
    await asyncio.to_thread(postgres.stop, at_once=True)
    await asyncio.sleep(0.5)
    postgres.start()
    result = await running
    assert result.code is Exit.WORKED
    assert len({one.id for one in listener.redeliveries}) == len(listener.redeliveries) == 300
    assert len(rows(postgres.url(), "id", "processed")) == 300


async def test_the_answer_to_a_claim_is_lost(
    tmp_path: Path, database_url: str, listener: InternalListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres kept the claim and went away before it said so: the run takes the rows again and sends them once."""
    claim_due, claims = dead_letters.claim_due, 0

    async def claim(*args: Any, **named: Any) -> list[dead_letters.ClaimedLetter]:
        nonlocal claims
        claims += 1
        letters = await claim_due(*args, **named)
        if claims == 2:
            assert letters
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return letters

    monkeypatch.setattr(dead_letters, "claim_due", claim)
    insert_many(database_url, 60)
    result = await Processor(tmp_path, database_url, listener.base_url, concurrency=5).run()
    assert claims > 2
    assert counts(result) == expected(processed=60, successful=60)
    assert len({one.id for one in listener.redeliveries}) == len(listener.redeliveries) == 60


async def test_postgres_goes_away_for_good(
    tmp_path: Path,
    own_postgres: Callable[..., EmbeddedPostgres],
    listener: InternalListener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run ends with an error that may be tried again; its leases run out by themselves."""
    monkeypatch.setattr("webhookcore_workers.patience.PATIENCE_SECONDS", 0.5)
    postgres = own_postgres()
    migrate(postgres.url(), say=print)
    insert_many(postgres.url(), 100)
    listener.delay = 0.01
    running = asyncio.create_task(Processor(tmp_path, postgres.url(), listener.base_url, concurrency=5).run())
    await listener.wait_for(20)
    await asyncio.to_thread(postgres.stop, at_once=True)
    result = await running
    assert result.code is Exit.TRY_AGAIN
    assert "the database is away" in result.result["error"]
    assert "successful" in result.result


async def test_a_bug_is_not_hidden(
    tmp_path: Path, database_url: str, listener: InternalListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is raised, and the run's row says that it failed."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("webhookcore_workers.dlq_run.settlement", broken)
    insert(database_url, [letter()])
    with pytest.raises(ExceptionGroup):
        await Processor(tmp_path, database_url, listener.base_url).run()
    with psycopg.connect(database_url) as conn:
        [(status, error)] = conn.execute("SELECT status, result->>'error' FROM job_runs").fetchall()
    assert (status, error) == ("failed", "unexpected ExceptionGroup")
