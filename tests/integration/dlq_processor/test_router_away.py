"""No router, or something that is none: nothing is charged to a dead letter."""

import asyncio
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.support.dead_letters import due, insert, insert_many, letter, row, rows
from tests.support.dlq_processor import Processor, counts, expected, leases
from tests.support.internal_listener import InternalListener
from tests.support.ports import free_port
from tests.support.services import Answer as HttpAnswer

from webhookcore.delivery.outcome import Delivered
from webhookcore_workers.result import Exit


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
