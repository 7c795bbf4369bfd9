"""Fixtures of every test: a real Postgres for the session, and a migrated database of its own for each test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support.postgres import Databases, server

from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_cli.main import main

# No test may depend on how fast the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The session's Postgres (or the one that TEST_DATABASE_URL names), with a migrated template database."""
    existing = os.environ.get("TEST_DATABASE_URL")
    with ExitStack() as stack:
        admin_url = existing or stack.enter_context(server(tmp_path_factory.mktemp("postgres"))).url()
        databases = Databases(admin_url)
        stack.callback(databases.close)
        yield databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh, migrated database, gone after the test."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A fresh database without any table, gone after the test."""
    with databases.fresh(migrated=False) as url:
        yield url


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Starts servers of the test's own, to stop, kill or starve: `own_postgres(fsync="on", ...)`."""
    with ExitStack() as stack:
        count = 0

        def start(**settings: str) -> EmbeddedPostgres:
            nonlocal count
            count += 1
            folder = tmp_path / f"own-postgres-{count}"
            folder.mkdir()
            return stack.enter_context(server(folder, **settings))

        yield start


@dataclass(frozen=True)
class Answered:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def webhookcore(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answered]:
    """The command line in this process: `webhookcore("dlq", "list", DATABASE_URL=...)`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "WEBHOOKCORE_CONFIG", "WEBHOOKCORE_DATA_DIR", "WA_APP_SECRET"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environ: str) -> Answered:
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["webhookcore", *arguments])
            for name, value in environ.items():
                patch.setenv(name, value)
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        return Answered(int(ended.value.code or 0), out, err)

    return run
