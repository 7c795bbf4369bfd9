"""A real Postgres for tests: a server, and databases copied from a template that was migrated once."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from tests.support.ports import free_port

from webhookcore.store.migrate import migrate
from webhookcore_cli.local.postgres import EmbeddedPostgres

MIGRATIONS = Path(__file__).parents[2] / "migrations"
FOR_TESTS = {"max_connections": "300", "fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@contextmanager
def server(folder: Path, *, tcp: bool = False, **settings: str) -> Iterator[EmbeddedPostgres]:
    """A server over `folder`; `tcp`: reachable on a loopback port too (for a proxy in between)."""
    postgres = EmbeddedPostgres(
        folder / "data", folder / "postgres.log", settings={**FOR_TESTS, **settings}, port=free_port() if tcp else None
    )
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.close()


class Databases:
    """Databases on one server, each with its own name, which no other test session uses."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._prefix = f"test_{os.getpid()}"
        self._numbers = itertools.count(1)
        self._template: str | None = None
        self._admin = psycopg.connect(admin_url, autocommit=True)

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database, dropped at the end whoever is still connected."""
        template = self._migrated_template() if migrated else "template0"
        name = f"{self._prefix}_{next(self._numbers)}"
        self._create(name, template)
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        if self._template is not None:
            self._drop(self._template)
        self._admin.close()

    def url(self, database: str) -> str:
        return urlsplit(self._admin_url)._replace(path=f"/{database}").geturl()

    def _migrated_template(self) -> str:
        if self._template is None:
            name = f"{self._prefix}_template"
            self._create(name, "template0")
            migrate(self.url(name), say=print, folder=MIGRATIONS)
            self._template = name
        return self._template

    def _create(self, name: str, template: str) -> None:
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
