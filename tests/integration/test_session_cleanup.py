"""The session-cleanup on a real Postgres: what goes, what stays, and whom it gets in the way of."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.config import environment, route, write_config
from tests.support.dead_letters import execute, insert, letter
from tests.support.plans import node_types, plan
from tests.support.processes import Process

from webhookcore.settings import Settings, load_settings
from webhookcore.store import retention
from webhookcore.store.database import Database
from webhookcore.store.migrate import migrate
from webhookcore.store.statements import load
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_workers import session_cleanup, sweep
from webhookcore_workers.result import Exit


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """TTL 24 h, 7 and 30 days: the defaults."""
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/webhook"))
    return load_settings(config, environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL="http://127.0.0.1:9"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, size=4)
    await database.open()
    yield database
    await database.close()


def column(url: str, statement: str) -> list[Any]:
    """The first column of what a statement finds."""
    with psycopg.connect(url) as conn:
        return [values[0] for values in conn.execute(statement.encode()).fetchall()]


def sessions(url: str) -> list[str]:
    return column(url, "SELECT phone_number FROM user_sessions ORDER BY phone_number")


def add_session(url: str, number: str, hours: float, tat_hours: float | None = None) -> None:
    """A session whose last message came so many hours ago; its rate limit's time lies so far in the future."""
    execute(
        url,
        "INSERT INTO user_sessions (phone_number, last_interaction, rate_tat)"
        " VALUES (%s, now() - %s * interval '1 hour', now() + %s * interval '1 hour')",
        number,
        hours,
        tat_hours,
    )


def add_sessions(url: str, count: int, stale: int) -> None:
    """Every `count / stale`th of them is stale."""
    execute(
        url,
        "INSERT INTO user_sessions (phone_number, active_service, last_interaction) SELECT '4917' || g, 'rides',"
        " now() - CASE WHEN g %% %s = 0 THEN interval '2 days' ELSE interval '1 hour' END"
        " FROM generate_series(1, %s) AS g",
        count // stale,
        count,
    )


async def test_stale_sessions_go(settings: Settings, database_url: str) -> None:
    """Those older than the TTL by the database's clock; the result says how many and since when."""
    for number, hours in (("fresh", 0.0), ("almost", 23.9), ("stale", 24.1), ("old", 999.0)):
        add_session(database_url, number, hours)
    before = datetime.now(UTC)
    result = await session_cleanup.run(settings)
    assert sessions(database_url) == ["almost", "fresh"]
    assert result.code is Exit.WORKED
    cutoff = datetime.fromisoformat(result.result["sessions"].pop("cutoffTime"))
    assert timedelta(hours=24) - timedelta(seconds=5) < before - cutoff < timedelta(hours=24) + timedelta(seconds=5)
    assert result.result.pop("durationMs") >= 0
    assert result.result.pop("longestBatchMs") > 0
    assert result.result == {
        "success": True,
        "sessions": {"deleted": 2, "ttlHours": 24},
        "dlq": {"deleted": 0, "retentionDays": 7},
        "abandoned": {"deleted": 0, "retentionDays": 30},
        "dedupeKeys": {"deleted": 0, "retentionDays": 8},
        "jobRuns": {"deleted": 0, "retentionDays": 30},
        "serviceMetrics": {"deleted": 0, "retentionDays": 30},
    }


async def test_a_counter_that_reaches_into_the_future_stays(settings: Settings, database_url: str) -> None:
    """A sender whose delayed messages wait for longer than the TTL keeps the rate limit."""
    add_session(database_url, "delayed", 48, tat_hours=1)
    add_session(database_url, "idle", 48, tat_hours=-1)
    await session_cleanup.run(settings)
    assert sessions(database_url) == ["delayed"]


async def test_finished_things_go_after_their_time(settings: Settings, database_url: str) -> None:
    """Processed and abandoned dead letters, dedupe keys, job runs and metrics; what is still undelivered stays."""
    now = datetime.now(UTC)

    def ago(days: float) -> datetime:
        return now - timedelta(days=days)

    insert(
        database_url,
        [
            letter(route="processed, old", processed=True, processed_at=ago(7.1)),
            letter(route="processed, young", processed=True, processed_at=ago(6.9)),
            letter(route="abandoned, old", abandoned_at=ago(30.1)),
            letter(route="abandoned, young", abandoned_at=ago(29.9)),
            letter(route="waiting", created_at=ago(99), received_at=ago(99), next_retry_at=ago(99)),
        ],
    )
    for days in (7.9, 8.1):
        execute(
            database_url, "INSERT INTO dedupe_keys VALUES (sha256(%s), 'r', 'keyword', %s)", b"%f" % days, ago(days)
        )
    for days in (29.9, 30.1):
        execute(
            database_url,
            "INSERT INTO job_runs VALUES ('x', gen_random_uuid(), 'succeeded', %s, %s, '{}')",
            ago(days),
            ago(days),
        )
        execute(database_url, "INSERT INTO service_metrics VALUES ('rides', %s, 'i')", ago(days))
    execute(database_url, "INSERT INTO job_runs VALUES ('y', gen_random_uuid(), 'running', %s)", ago(99))
    result = await session_cleanup.run(settings)
    assert column(database_url, "SELECT route FROM wa_dead_letter_queue ORDER BY 1") == [
        "abandoned, young",
        "processed, young",
        "waiting",
    ]
    names = ("dlq", "abandoned", "dedupeKeys", "jobRuns", "serviceMetrics")
    assert {name: result.result[name]["deleted"] for name in names} == dict.fromkeys(names, 1)
    assert column(database_url, "SELECT seen_at FROM dedupe_keys") == [ago(7.9)]
    assert column(database_url, "SELECT jobname FROM job_runs ORDER BY 1") == ["session-cleanup", "x", "y"]
    assert column(database_url, "SELECT window_start FROM service_metrics") == [ago(29.9)]


async def test_a_session_refreshed_meanwhile_stays(settings: Settings, database_url: str) -> None:
    """A message that is being accepted right now holds the row: it is passed over, the others of its page go."""
    for number in range(100):
        add_session(database_url, f"{number:02d}", 48)
    with psycopg.connect(database_url) as flush:
        flush.execute("UPDATE user_sessions SET last_interaction = now() WHERE phone_number = '42'")
        result = await session_cleanup.run(settings)
        assert result.result["sessions"]["deleted"] == 99
        flush.commit()
    assert sessions(database_url) == ["42"]
    assert (await session_cleanup.run(settings)).result["sessions"]["deleted"] == 0


async def test_the_delete_itself_checks_the_age(database: Database, database_url: str) -> None:
    """The row's holder commits while the DELETE waits for it: what it committed counts."""
    add_session(database_url, "1", 48)
    now = datetime.now(UTC)
    with psycopg.connect(database_url) as flush:
        flush.execute("UPDATE user_sessions SET last_interaction = now() WHERE phone_number = '1'")
        async with database.connection() as conn:
            await conn.execute("SET lock_timeout = 0")
            values = {"first": "(0,0)", "end": "(9,0)", "cutoff": now - timedelta(hours=24), "now": now}
            deleting = asyncio.create_task(conn.execute(load("retention")["sessions"], values))
            with psycopg.connect(database_url, autocommit=True) as watcher:
                waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                while not watcher.execute(waits).fetchone():  # noqa: ASYNC110 - Postgres has no event for it
                    await asyncio.sleep(0)
            flush.commit()
            assert await (await deleting).fetchone() == (0,)
    assert sessions(database_url) == ["1"]


async def test_messages_go_on_while_it_runs(settings: Settings, database_url: str) -> None:
    """20 senders whose stale sessions are refreshed again and again: each refresh that came first is kept."""
    add_sessions(database_url, 20_000, 10_000)
    stop = asyncio.Event()
    refreshed: set[str] = set()

    async def refresh(conn: psycopg.AsyncConnection[Any], turn: int) -> None:
        number = f"4917{2 + 2 * ((turn * 7919) % 10_000)}"
        cursor = await conn.execute(
            "UPDATE user_sessions SET last_interaction = now() WHERE phone_number = %s RETURNING 1", [number]
        )
        if await cursor.fetchone():
            refreshed.add(number)

    async def keep_refreshing() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
            for turn in range(100_000):
                if stop.is_set():
                    return
                await refresh(conn, turn)

    refreshing = asyncio.create_task(keep_refreshing())
    result = await session_cleanup.run(settings)
    stop.set()
    await refreshing
    left = set(sessions(database_url))
    assert refreshed <= left
    assert len(left) == 20_000 - result.result["sessions"]["deleted"]


async def test_it_works_beside_a_long_transaction(settings: Settings, database_url: str) -> None:
    """A snapshot that is held open elsewhere neither stops it nor is stopped."""
    add_sessions(database_url, 5000, 2500)
    with psycopg.connect(database_url) as long:
        long.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert long.execute("SELECT count(*) FROM user_sessions").fetchone() == (5000,)
        result = await session_cleanup.run(settings)
        assert result.result["sessions"]["deleted"] == 2500
        assert long.execute("SELECT count(*) FROM user_sessions").fetchone() == (5000,)


async def test_a_table_that_is_locked_is_waited_for(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration or a VACUUM FULL holds it for a moment; when it stays locked the run says so and may come again."""
    add_session(database_url, "stale", 48)
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE user_sessions")
        running = asyncio.create_task(session_cleanup.run(settings))
        await asyncio.sleep(0.3)
        assert not running.done()
        other.commit()
        assert (await running).result["sessions"]["deleted"] == 1
        monkeypatch.setattr("webhookcore_workers.patience.PATIENCE_SECONDS", 0.1)
        other.execute("LOCK TABLE user_sessions")
        failed = await session_cleanup.run(settings)
    assert failed.code is Exit.TRY_AGAIN
    assert "lock timeout" in failed.result["error"]


async def test_two_at_once(settings: Settings, database_url: str) -> None:
    """Each row goes once, neither fails."""
    add_sessions(database_url, 20_000, 10_000)
    results = await asyncio.gather(*(session_cleanup.run(settings) for _ in range(2)))
    assert [one.code for one in results] == [Exit.WORKED, Exit.WORKED]
    assert len(sessions(database_url)) == 20_000 - sum(one.result["sessions"]["deleted"] for one in results)


async def test_a_stop_ends_it_between_batches(settings: Settings, database_url: str) -> None:
    """Nothing is begun after it; what was deleted is told."""
    add_sessions(database_url, 1000, 500)
    stop = asyncio.Event()
    stop.set()
    result = await session_cleanup.run(settings, stop)
    assert result.code is Exit.WORKED
    assert result.result["interrupted"] is True
    assert result.result["sessions"]["deleted"] == 0
    assert len(sessions(database_url)) == 1000


async def test_as_a_process(tmp_path: Path, settings: Settings, database_url: str) -> None:
    """Exit 0, two events, the result last; no number in the output, and the run is in job_runs."""
    add_session(database_url, "491701234567", 48)
    assert settings.database_url is not None
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/webhook"))
    env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL="http://127.0.0.1:9")
    async with await Process.start("session-cleanup", "--config", str(config), env=env) as process:
        assert await process.wait() == 0
    assert [event["event"] for event in process.events()] == ["SESSION_CLEANUP_STARTED", "SESSION_CLEANUP_COMPLETED"]
    result = process.result()
    assert list(result)[:3] == ["success", "sessions", "dlq"]
    assert list(result["sessions"]) == ["deleted", "ttlHours", "cutoffTime"]
    assert result["sessions"]["cutoffTime"].endswith("Z")
    assert "491701234567" not in process.output()
    assert process.errors == []
    assert column(database_url, "SELECT result FROM job_runs WHERE status = 'succeeded'") == [result]


async def test_other_settings(settings: Settings, database_url: str) -> None:
    """The TTL and the retention come from the settings."""
    sessions_spec = settings.spec.sessions.model_copy(update={"ttl_hours": 100})
    cleanup = settings.spec.cleanup.model_copy(update={"dlq_retention_days": 1, "abandoned_retention_days": 2})
    spec = settings.spec.model_copy(update={"sessions": sessions_spec, "cleanup": cleanup})
    add_session(database_url, "stale elsewhere", 48)
    two, three = (datetime.now(UTC) - timedelta(days=days) for days in (1.5, 2.5))
    insert(
        database_url, [letter(processed=True, processed_at=two), letter(abandoned_at=two), letter(abandoned_at=three)]
    )
    result = (await session_cleanup.run(replace(settings, spec=spec))).result
    assert (result["sessions"]["deleted"], result["dlq"]["deleted"], result["abandoned"]["deleted"]) == (0, 1, 1)


async def test_postgres_goes_away_for_a_moment(
    tmp_path: Path, own_postgres: Callable[..., EmbeddedPostgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch under way is made again. What the crash undid of the ones before is left to the next run."""
    postgres = own_postgres(fsync="on")
    migrate(postgres.url(), say=print)
    add_sessions(postgres.url(), 20_000, 10_000)
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/webhook"))
    settings = load_settings(config, environment(postgres.url(), WEBHOOKCORE_ROUTER_INTERNAL_URL="http://127.0.0.1:9"))
    batches = 0
    delete = retention.delete

    async def interrupted(*args: Any, **values: Any) -> int:
        nonlocal batches
        batches += 1
        if batches == 3:
            postgres.stop(at_once=True)
            postgres.start()
        return await delete(*args, **values)

    monkeypatch.setattr(retention, "delete", interrupted)
    assert (await session_cleanup.run(settings)).code is Exit.WORKED
    assert (await session_cleanup.run(settings)).code is Exit.WORKED
    assert len(sessions(postgres.url())) == 10_000


@pytest.mark.parametrize("filled", [False, True])
async def test_the_walks_read_only_their_pages(database_url: str, database: Database, filled: bool) -> None:
    """A TID range scan each, whatever the statistics say, and no index on what every message changes."""
    if filled:
        add_sessions(database_url, 5000, 2500)
        execute(database_url, "ANALYZE")
    async with database.connection() as conn:
        for name, statement in load("retention").items():
            if name not in {"pages", "short_locks"}:
                types = node_types(await plan(conn, statement))
                assert "Tid Range Scan" in types, name
                assert not types & {"Seq Scan", "Index Scan", "Bitmap Heap Scan"}, name
        indexed = await conn.execute(
            "SELECT indexdef FROM pg_indexes"
            " WHERE tablename = 'user_sessions' AND indexdef ~ 'last_interaction|rate_tat'"
        )
        assert await indexed.fetchall() == []


def test_the_pace() -> None:
    """Fewer pages after a slow batch, more after a quick one, within bounds."""
    pace = sweep.Pace()
    seen = []
    for seconds in (0.001, 0.006, 0.02, 0.02, 0.02, 0.02, 0.02):
        pace.took(seconds)
        seen.append(pace.pages)
    assert seen == [48, 48, 24, 12, 6, 4, 4]
    for _ in range(20):
        pace.took(0.0)
    assert pace.pages == 128


def test_the_result_is_json(settings: Settings) -> None:
    """As the line on stdout needs it."""
    result = asyncio.run(session_cleanup.run(settings)).result
    assert json.loads(json.dumps(result)) == result
