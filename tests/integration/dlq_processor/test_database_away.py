"""A database that is not there, goes away in the middle of a run, or has another schema."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.dead_letters import execute, insert, insert_many, letter, row, rows
from tests.support.dlq_processor import Processor, counts, expected
from tests.support.internal_listener import InternalListener
from tests.support.ports import free_port

from webhookcore.store import dead_letters
from webhookcore.store.migrate import migrate
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_workers import dlq_processor
from webhookcore_workers.result import Exit


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


async def test_a_url_that_libpq_does_not_take(tmp_path: Path) -> None:
    """Alike, and none of it is quoted."""
    processor = Processor(tmp_path, "postgresql://u:hush@db/x?nonsense=hush", "http://127.0.0.1:9")
    result = await processor.run()
    assert result.code is Exit.CONFIGURATION
    assert "the database's URL cannot be read" in result.result["error"]
    assert "hush" not in json.dumps(result.result)


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
