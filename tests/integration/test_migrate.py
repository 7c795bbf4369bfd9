"""Migrations on a real Postgres: applied once, whole or not at all, and refused where histories differ."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from tests.support.ports import free_port

from webhookcore.store.database import Database
from webhookcore.store.locks import MIGRATE
from webhookcore.store.migrate import DatabaseAway, Migrated, SchemaRefused, migrate
from webhookcore.store.schema import SchemaState, SchemaStatus, known_migrations, migrations_folder, schema_state
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_workers import migrate as job

ROLLED_BACK = "CREATE TABLE half (id int);\nINSERT INTO half VALUES (1);\nSELECT 1 / 0;\n"


class Heard(list[str]):
    """What a person would have been told."""


@pytest.fixture
def heard() -> Heard:
    return Heard()


def write(folder: Path, **migrations: str) -> Path:
    """A folder of migrations; `_` in a name stands for `.`."""
    folder.mkdir(exist_ok=True)
    for name, text in migrations.items():
        (folder / f"{name.lstrip('_').replace('_', '.')}.sql").write_text(text)
    return folder


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(statement.encode()).fetchall()


def tables(url: str) -> set[object]:
    found = rows(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {name for (name,) in found}


async def state_of(url: str) -> SchemaState:
    database = Database(url, size=1)
    await database.open()
    try:
        async with database.connection() as conn:
            return await schema_state(conn)
    finally:
        await database.close()


def test_the_release_migrates_an_empty_database(empty_database_url: str, heard: Heard) -> None:
    """Everything is applied and recorded with its checksum; a second run finds nothing to do."""
    known = known_migrations(migrations_folder())
    assert asyncio.run(state_of(empty_database_url)).status is SchemaStatus.BEHIND
    first = migrate(empty_database_url, say=heard.append)
    assert first == Migrated(tuple(one.id for one in known), SchemaState(SchemaStatus.CURRENT))
    assert rows(empty_database_url, "SELECT id, checksum FROM schema_migrations") == [
        (one.id, one.checksum) for one in known
    ]
    assert {"inbox", "wa_dead_letter_queue", "user_sessions", "job_runs", "service_metrics"} <= tables(
        empty_database_url
    )
    assert migrate(empty_database_url, say=heard.append) == Migrated((), SchemaState(SchemaStatus.CURRENT))
    assert asyncio.run(state_of(empty_database_url)).status is SchemaStatus.CURRENT
    assert heard == []


def test_nothing_of_the_libraries_bookkeeping_is_left_behind(empty_database_url: str, heard: Heard) -> None:
    """One ledger: ours."""
    migrate(empty_database_url, say=heard.append)
    assert not {name for name in tables(empty_database_url) if "yoyo" in str(name)}


def test_two_may_start_at_once(empty_database_url: str, tmp_path: Path) -> None:
    """Each migration is applied by one of them, the other waits and finds it done."""
    folder = write(
        tmp_path / "m", _0001_a="CREATE TABLE a (id int);\nSELECT pg_sleep(0.7);", _0002_b="CREATE TABLE b ();"
    )
    done: list[Migrated] = []
    heard = Heard()
    threads = [
        threading.Thread(target=lambda: done.append(migrate(empty_database_url, say=heard.append, folder=folder)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for one in done for name in one.applied) == ["0001.a", "0002.b"]
    assert [one.state.status for one in done] == [SchemaStatus.CURRENT] * 4
    assert "waiting for the database: another migration is under way" in heard


def test_a_failing_migration_leaves_nothing_half(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """Those before it stay, it is undone whole, and after the repair the rest follows."""
    folder = write(tmp_path / "m", _0001_a="CREATE TABLE a (id int);", _0002_half=ROLLED_BACK)
    with pytest.raises(DatabaseAway, match="failed and was undone: division by zero"):
        migrate(empty_database_url, say=heard.append, folder=folder)
    assert tables(empty_database_url) == {"schema_migrations", "a"}
    assert rows(empty_database_url, "SELECT id FROM schema_migrations") == [("0001.a",)]
    write(folder, _0002_half="CREATE TABLE half (id int);")
    assert migrate(empty_database_url, say=heard.append, folder=folder).applied == ("0002.half",)


def test_a_migration_that_is_killed_leaves_nothing_half(empty_database_url: str, tmp_path: Path) -> None:
    """Its session is ended in the middle: undone, begun again on a new connection, and whole."""
    folder = write(
        tmp_path / "m",
        _0001_a="CREATE TABLE a (id int);",
        _0002_b="CREATE TABLE b (id int);\nSELECT pg_sleep(1);\nCREATE TABLE c (id int);",
    )
    done: list[Migrated] = []
    heard = Heard()
    thread = threading.Thread(target=lambda: done.append(migrate(empty_database_url, say=heard.append, folder=folder)))
    thread.start()
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        killed = None
        while killed is None:
            killed = conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'webhookcore-migrate' AND query LIKE '%pg_sleep%'"
            ).fetchone()
    thread.join()
    assert done == [Migrated(("0001.a", "0002.b"), SchemaState(SchemaStatus.CURRENT))]
    assert {"b", "c"} <= tables(empty_database_url)
    assert any("terminating connection" in line for line in heard), heard


def test_a_changed_migration_is_refused(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """Nothing is applied on top of a history that is not this one."""
    folder = write(tmp_path / "m", _0001_a="CREATE TABLE a (id int);")
    migrate(empty_database_url, say=heard.append, folder=folder)
    write(folder, _0001_a="CREATE TABLE a (id bigint);", _0002_b="CREATE TABLE b (id int);")
    with pytest.raises(SchemaRefused, match=r"0001\.a was changed after it had been applied"):
        migrate(empty_database_url, say=heard.append, folder=folder)
    assert "b" not in tables(empty_database_url)


def test_an_unknown_migration_is_refused(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """One that is older than the newest known one can be of no later release."""
    migrate(
        empty_database_url, say=heard.append, folder=write(tmp_path / "x", _0001_a="SELECT 1;", _0002_odd="SELECT 1;")
    )
    ours = write(tmp_path / "y", _0001_a="SELECT 1;", _0003_b="CREATE TABLE b (id int);")
    with pytest.raises(SchemaRefused, match=r"0002\.odd is unknown"):
        migrate(empty_database_url, say=heard.append, folder=ours)
    assert "b" not in tables(empty_database_url)


def test_an_older_image_works_on_an_expanded_schema(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """A rollback: nothing is changed, and the state says newer."""
    old = write(tmp_path / "old", _0001_a="CREATE TABLE a (id int);")
    new = write(tmp_path / "new", _0001_a="CREATE TABLE a (id int);", _0002_b="CREATE TABLE b (id int);")
    migrate(empty_database_url, say=heard.append, folder=new)
    done = migrate(empty_database_url, say=heard.append, folder=old)
    assert done.applied == ()
    assert done.state.status is SchemaStatus.NEWER
    assert "0002.b" in done.state.problem
    assert migrate(empty_database_url, say=heard.append, folder=new).state.status is SchemaStatus.CURRENT


def test_an_older_image_is_refused_past_a_contraction(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """What it needs was taken away."""
    old = write(tmp_path / "old", _0001_a="CREATE TABLE a (id int);")
    new = write(tmp_path / "new", _0001_a="CREATE TABLE a (id int);", _0002_contract_a="DROP TABLE a;")
    migrate(empty_database_url, say=heard.append, folder=new)
    with pytest.raises(SchemaRefused, match=r"0002\.contract\.a"):
        migrate(empty_database_url, say=heard.append, folder=old)


def test_a_migration_steps_back_from_a_lock_and_comes_again(
    empty_database_url: str, tmp_path: Path, heard: Heard
) -> None:
    """While a long transaction holds the table nobody queues behind the migration for long."""
    folder = write(tmp_path / "m", _0001_a="CREATE TABLE a (id int);")
    migrate(empty_database_url, say=heard.append, folder=folder)
    write(folder, _0002_b="ALTER TABLE a ADD COLUMN b int;")
    with psycopg.connect(empty_database_url) as other:
        other.execute("SELECT * FROM a")
        with pytest.raises(DatabaseAway, match="lock timeout"):
            migrate(empty_database_url, say=heard.append, folder=folder, wait_seconds=1)
    assert migrate(empty_database_url, say=heard.append, folder=folder).applied == ("0002.b",)


def test_an_index_may_be_built_outside_a_transaction(empty_database_url: str, tmp_path: Path, heard: Heard) -> None:
    """`-- transactional: false` is yoyo's own word for it."""
    folder = write(
        tmp_path / "m",
        _0001_a="CREATE TABLE a (id int);",
        _0002_i="-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);",
    )
    assert migrate(empty_database_url, say=heard.append, folder=folder).applied == ("0001.a", "0002.i")
    assert rows(empty_database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(True,)]


def test_a_migration_under_way_elsewhere_is_waited_for(empty_database_url: str, heard: Heard) -> None:
    """Another session holds the lock and does not let go."""
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", MIGRATE)
        with pytest.raises(DatabaseAway, match="gave up after 1 s: another migration is under way"):
            migrate(empty_database_url, say=heard.append, wait_seconds=1)
    assert tables(empty_database_url) == set()


def test_a_database_that_does_not_answer_is_waited_for(own_postgres: Callable[..., EmbeddedPostgres]) -> None:
    """It comes up a moment later; meanwhile a person is told why nothing happens."""
    postgres = own_postgres()
    url = postgres.url()
    postgres.stop()
    heard = Heard()
    done: list[Migrated] = []
    thread = threading.Thread(target=lambda: done.append(migrate(url, say=heard.append)))
    thread.start()
    while not heard:
        time.sleep(0.02)
    postgres.start()
    thread.join()
    assert done[0].state.status is SchemaStatus.CURRENT
    assert heard[0].startswith("waiting for the database: ")


def test_nobody_there_at_all_ends_the_wait(heard: Heard) -> None:
    """After its time the job ends, to be tried again."""
    with pytest.raises(DatabaseAway, match="gave up after 1 s"):
        migrate(f"postgresql://127.0.0.1:{free_port()}/x", say=heard.append, wait_seconds=1)
    assert len(heard) == 1


def test_a_refused_login_is_tried_again(empty_database_url: str, heard: Heard) -> None:
    """The role may be made, or its password set, while we wait."""
    parts = urlsplit(empty_database_url)
    nobody = parts._replace(netloc=f"nobody_here@{parts.netloc.rpartition('@')[2]}").geturl()
    with pytest.raises(DatabaseAway, match="nobody_here"):
        migrate(nobody, say=heard.append, wait_seconds=1)


@contextmanager
def role(url: str, name: str, password: str) -> Iterator[None]:
    """A login that may create tables in the database of `url`."""
    with psycopg.connect(url, autocommit=True) as conn:
        escaped = password.replace("'", "''")
        conn.execute(f"CREATE ROLE \"{name}\" LOGIN SUPERUSER PASSWORD '{escaped}'".encode())
        try:
            yield
        finally:
            conn.execute(f'REASSIGN OWNED BY "{name}" TO CURRENT_USER'.encode())
            conn.execute(f'DROP ROLE "{name}"'.encode())


def test_every_form_of_a_database_url_works(empty_database_url: str, heard: Heard) -> None:
    """Libpq reads each: a socket's folder, key words, options, odd characters in a password."""
    parts = urlsplit(empty_database_url)
    database = parts.path.lstrip("/")
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    user = parts.username or parse_qs(parts.query).get("user", ["postgres"])[0]
    port = f":{parts.port}" if parts.port else ""
    odd = "p@ss/w:o%r?d#' &é"
    with role(empty_database_url, f"odd-{database}", odd):
        forms = [
            f"postgres://odd-{database}:{quote(odd, safe='')}@{quote(host, safe='')}{port}/{database}",
            f"postgresql:///{database}?host={quote(host, safe='')}&user={user}&options=-c%20statement_timeout%3D60s",
            f"host={host} user={user} dbname={database} connect_timeout=3",
        ]
        for form in forms:
            assert migrate(form, say=heard.append).state.status is SchemaStatus.CURRENT


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://[::1/x",
        "postgresql://user:hush%hush@db/x",
        "postgresql//user:hush@db/x",
        "postgresql://user:a@hush@db/x",
        "postgresql://user:hush@db/x?nonsense=1",
        "host=db password=a hush=1",
    ],
)
def test_a_url_that_is_none_is_a_configuration_error(heard: Heard, url: str) -> None:
    """No wait helps, and nothing of it is quoted: what migrate says ends in the resource's status, for all to read."""
    with pytest.raises(SchemaRefused, match=r"cannot be read: it must be postgresql://") as refused:
        migrate(url, say=heard.append)
    assert "hush" not in str(refused.value)
    assert heard == []


def test_a_line_end_behind_the_url(empty_database_url: str, heard: Heard) -> None:
    """As `--from-file` puts it into a Secret: routers and jobs take it off too."""
    assert migrate(f"{empty_database_url}\r\n", say=heard.append).state.status is SchemaStatus.CURRENT


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The job's last line on stdout."""
    last: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return last


def test_the_job_prints_its_result(empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and one JSON line last."""
    assert job.main(empty_database_url) == 0
    printed = result(capsys)
    assert printed.pop("durationMs")
    applied = [one.id for one in known_migrations(migrations_folder())]
    assert printed == {"success": True, "applied": applied, "schema": "current"}


def test_the_job_warns_on_a_newer_schema(empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, so that an image can be rolled back."""
    job.main(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("INSERT INTO schema_migrations VALUES ('9999.later', 'x')")
    capsys.readouterr()
    assert job.main(empty_database_url) == 0
    output = capsys.readouterr()
    assert "warning" in json.loads(output.out.splitlines()[-1])
    assert "9999.later" in output.err


@pytest.mark.parametrize(
    ("name", "error"), [("9999.contract.later", "took away"), ("0000.before", "0000.before is unknown")]
)
def test_the_job_refuses_what_will_not_get_better(
    empty_database_url: str, capsys: pytest.CaptureFixture[str], name: str, error: str
) -> None:
    """Exit 78: Kubernetes must not try again."""
    job.main(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        conn.execute("INSERT INTO schema_migrations VALUES (%s, 'x')", [name])
    assert job.main(empty_database_url) == 78
    printed = result(capsys)
    assert printed["success"] is False
    assert error in str(printed["error"])


def test_the_job_needs_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    """None named: a configuration error."""
    assert job.main(None) == 78
    assert "DATABASE_URL" in str(result(capsys)["error"])


def test_the_job_may_be_tried_again(
    empty_database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1 when nobody answered in time."""
    monkeypatch.setattr("webhookcore.store.migrate.WAIT_SECONDS", 0.0)
    parts = urlsplit(empty_database_url)
    assert job.main(parts._replace(path="/not_there").geturl()) == 1
    assert "not_there" in str(result(capsys)["error"])


async def test_sigterm_undoes_the_migration_under_way(empty_database_url: str, tmp_path: Path) -> None:
    """As a pod gets it: ended at once, told in the result, nothing half, and no statement goes on in Postgres."""
    folder = write(
        tmp_path / "m", _0001_a="CREATE TABLE a (id int);", _0002_b="CREATE TABLE b ();\nSELECT pg_sleep(60);"
    )
    program = (
        "import sys, pathlib; from webhookcore.store import migrate; from webhookcore_workers import migrate as job;"
        "migrate.migrations_folder = lambda: pathlib.Path(sys.argv[1]); sys.exit(job.main(sys.argv[2]))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(folder), empty_database_url, stdout=asyncio.subprocess.PIPE
    )
    asleep = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    while not rows(empty_database_url, asleep):  # noqa: ASYNC110 - Postgres has no event for it
        await asyncio.sleep(0.02)
    process.terminate()
    output, _ = await process.communicate()
    assert process.returncode == 1
    printed = json.loads(output.splitlines()[-1])
    assert (printed["success"], printed["error"]) == (False, "interrupted")
    assert tables(empty_database_url) == {"schema_migrations", "a"}
    assert rows(empty_database_url, asleep) == []
