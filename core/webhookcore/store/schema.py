"""Which schema this release knows, which one a database has, and how the two go together."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import webhookcore
from webhookcore.store.database import Connection
from webhookcore.store.statements import load

_SQL: Final = load("migrate")
_CONTRACTS: Final = ".contract."


@dataclass(frozen=True, slots=True, order=True)
class Migration:
    """A file of migrations/: `NNNN.<what>.sql`, or `NNNN.contract.<what>.sql` where it takes something away."""

    id: str
    checksum: str

    @property
    def contracts(self) -> bool:
        """Whether a release that does not know it cannot work with its schema."""
        return _CONTRACTS in self.id


class SchemaStatus(StrEnum):
    """How a database's schema and this release go together."""

    CURRENT = "current"
    BEHIND = "behind"
    """Migrations wait to be applied."""
    NEWER = "newer"
    """A later release only added to it: this one works with it."""
    CONTRACTED = "contracted"
    """A later release took something away that this one needs."""
    DIVERGED = "diverged"
    """It has another history than this release's: a migration changed, is unknown or was left out."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What `compare` found. `problem` is for a person; empty when the schema is current."""

    status: SchemaStatus
    pending: tuple[str, ...] = ()
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether routers and jobs of this release may work on it."""
        return self.status in {SchemaStatus.CURRENT, SchemaStatus.NEWER}


def compare(known: Sequence[Migration], applied: Sequence[Migration]) -> SchemaState:
    """One of the two, sorted by id, must be a beginning of the other."""
    for mine, theirs in zip(known, applied, strict=False):
        if mine.id != theirs.id:
            problem = f"{mine.id} was not applied" if mine < theirs else f"{theirs.id} is unknown to this release"
            return SchemaState(SchemaStatus.DIVERGED, problem=f"{problem}, and later migrations were applied")
        if mine.checksum != theirs.checksum:
            return SchemaState(SchemaStatus.DIVERGED, problem=f"{mine.id} was changed after it had been applied")
    pending, newer = known[len(applied) :], applied[len(known) :]
    if pending:
        names = ", ".join(migration.id for migration in pending)
        problem = f"not yet applied: {names}; run `webhookcore migrate`"
        return SchemaState(SchemaStatus.BEHIND, tuple(migration.id for migration in pending), problem)
    if not newer:
        return SchemaState(SchemaStatus.CURRENT)
    contracting = [migration.id for migration in newer if migration.contracts]
    if contracting:
        problem = f"a later release took away what this one needs ({', '.join(contracting)}); use that release's image"
        return SchemaState(SchemaStatus.CONTRACTED, problem=problem)
    problem = f"newer than this release, which works with it: {', '.join(migration.id for migration in newer)}"
    return SchemaState(SchemaStatus.NEWER, problem=problem)


def migrations_folder() -> Path:
    """Beside the package in a wheel, at the root of the source tree otherwise."""
    package = Path(webhookcore.__file__).parent
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parents[1] / "migrations"


def known_migrations(folder: Path) -> tuple[Migration, ...]:
    """The migrations of a folder, sorted; a checksum is of the text, whatever its line ends."""
    paths = sorted(folder.glob("*.sql"))
    if not paths:
        raise FileNotFoundError(f"no migrations in {folder}")
    return tuple(
        Migration(path.stem, hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()) for path in paths
    )


@cache
def _mine() -> tuple[Migration, ...]:
    return known_migrations(migrations_folder())


def as_migrations(rows: Iterable[tuple[str, str]]) -> tuple[Migration, ...]:
    """Rows of schema_migrations, sorted as known_migrations are (a database's collation may sort otherwise)."""
    return tuple(sorted(Migration(name, checksum) for name, checksum in rows))


async def schema_state(conn: Connection) -> SchemaState:
    """How the database behind `conn` and this release go together."""
    known = _mine()
    found = await (await conn.execute(_SQL["has_table"])).fetchone()
    if found is None or not found[0]:
        return compare(known, ())
    rows = await (await conn.execute(_SQL["applied"])).fetchall()
    return compare(known, as_migrations((name, checksum) for name, checksum in rows))
