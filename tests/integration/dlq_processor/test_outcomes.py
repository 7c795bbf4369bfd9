"""What becomes of a dead letter: each outcome that a router may answer, settled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.support.dead_letters import execute, insert, letter, row, rows
from tests.support.dlq_processor import Processor, counts, expected
from tests.support.internal_listener import InternalListener

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.redelivery import Redelivery
from webhookcore_workers.result import Exit


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
