"""The job as a process of its own: its events, its result, a SIGTERM, a kill."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from tests.support.dead_letters import execute, insert, insert_many, letter, rows
from tests.support.dlq_processor import Processor, counts, expected, leases
from tests.support.internal_listener import InternalListener
from tests.support.processes import Process
from tests.support.services import Answer as HttpAnswer

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked


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
