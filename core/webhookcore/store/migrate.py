"""Applies migrations: yoyo reads and runs the files, one transaction each, under a lock and a ledger of our own.

yoyo's own lock is a row with a process id, which stays behind when that process is killed; ours is a session's advisory
lock, which cannot. yoyo's own ledger knows no checksums and is written in a transaction after the migration's; ours is
written in the same. yoyo is synchronous, and so is this module: a migration is alone in its process.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import yoyo
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from webhookcore.store.locks import MIGRATE
from webhookcore.store.schema import (
    Migration,
    SchemaState,
    SchemaStatus,
    as_migrations,
    compare,
    known_migrations,
    migrations_folder,
)
from webhookcore.store.statements import load
from webhookcore.store.url import UrlError, checked

WAIT_SECONDS: Final = 120.0
"""How long a database that does not answer, refuses the login or is being migrated by another is waited for."""

_SQL: Final = load("migrate")
_CONNECT: Final[dict[str, Any]] = {
    "autocommit": True,
    "application_name": "webhookcore-migrate",
    # A black hole is noticed while there is time for another try.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_PAUSE_SECONDS: Final = 0.5
_SAY_SECONDS: Final = 5.0

SyncConnection = psycopg.Connection[tuple[Any, ...]]
Say = Callable[[str], None]


class MigrationError(Exception):
    """Not migrated. The message is one line for a person."""


class SchemaRefused(MigrationError):  # noqa: N818 - what happened, as a state
    """It will not get better by itself: the schema is not one that this release can have, or the URL is none."""


class DatabaseAway(MigrationError):  # noqa: N818 - what happened, as a state
    """It may get better: nobody answered, or the migration did not go through."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did, and how the schema and this release go together now."""

    applied: tuple[str, ...]
    state: SchemaState


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo has no types
    """yoyo's backend over a connection that stands already: libpq reads the URL, so each of its forms works."""

    def __init__(self, connection: SyncConnection) -> None:
        self._given = connection
        super().__init__("", "schema_migrations")

    def connect(self, _uri: str) -> SyncConnection:
        return self._given


def migrate(url: str, *, say: Say, folder: Path | None = None, wait_seconds: float | None = None) -> Migrated:
    """Brings the database to this release's schema; `say` hears, every few seconds, what is waited for.

    What fails for a reason that may pass (no answer, a refused login, a lock that another holds) is tried again until
    `wait_seconds` (WAIT_SECONDS) are over. Raises SchemaRefused or DatabaseAway.
    """
    try:
        url = checked(url)
    except UrlError as error:
        raise SchemaRefused(str(error)) from None
    folder = folder or migrations_folder()
    wait_seconds = WAIT_SECONDS if wait_seconds is None else wait_seconds
    deadline = time.monotonic() + wait_seconds
    said, said_at = "", float("-inf")
    applied: list[str] = []
    while True:
        try:
            with psycopg.connect(url, **_CONNECT) as conn:
                state = _migrate_locked(conn, folder, applied)
            if state is not None:
                return Migrated(tuple(applied), state)
            trouble = "another migration is under way"
        except psycopg.OperationalError as error:
            trouble = _one_line(error)
        except psycopg.Error as error:
            raise DatabaseAway(f"the migration failed and was undone: {_one_line(error)}") from error
        now = time.monotonic()
        if now >= deadline:
            raise DatabaseAway(f"gave up after {wait_seconds:.0f} s: {trouble}")
        if trouble != said or now - said_at >= _SAY_SECONDS:
            say(f"waiting for the database: {trouble}")
            said, said_at = trouble, now
        time.sleep(min(_PAUSE_SECONDS, max(0.0, deadline - now)))


def _migrate_locked(conn: SyncConnection, folder: Path, applied: list[str]) -> SchemaState | None:
    """None when another session holds the lock, which goes with its session. `applied` grows with each commit."""
    row = conn.execute(_SQL["try_lock"], MIGRATE).fetchone()
    if row is None or not row[0]:
        return None
    conn.execute(_SQL["create_table"])
    known = known_migrations(folder)
    state = compare(known, as_migrations(conn.execute(_SQL["applied"]).fetchall()))
    if state.status in {SchemaStatus.DIVERGED, SchemaStatus.CONTRACTED}:
        raise SchemaRefused(f"the schema does not fit this release: {state.problem}")
    if state.status is not SchemaStatus.BEHIND:
        return state
    files = {migration.id: migration for migration in yoyo.read_migrations(str(folder))}
    backend = _Backend(conn)
    for migration in known:
        if migration.id in state.pending:
            _apply(backend, files[migration.id], migration)
            applied.append(migration.id)
    return SchemaState(SchemaStatus.CURRENT)


def _apply(backend: _Backend, file: yoyo.migrations.Migration, migration: Migration) -> None:
    """Runs one migration and records it; all or nothing, unless the file says `-- transactional: false`."""
    record = {"id": migration.id, "checksum": migration.checksum}
    file.load()
    if not file.use_transactions:
        file.process_steps(backend, "apply")
        backend.connection.execute(_SQL["record"], record)
        return
    with backend.transaction():
        backend.connection.execute(_SQL["short_lock_wait"])
        file.process_steps(backend, "apply")
        backend.connection.execute(_SQL["record"], record)


def _one_line(error: psycopg.Error) -> str:
    """The message, without the line breaks; of a rollback that failed in turn, what it was for."""
    while isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return " ".join(str(error).split())
