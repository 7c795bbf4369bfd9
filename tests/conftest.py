"""Fixtures of every test: a real Postgres for the session, and a migrated database of its own for each test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.postgres import Databases, server

from webhookcore_cli.local.postgres import EmbeddedPostgres


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
