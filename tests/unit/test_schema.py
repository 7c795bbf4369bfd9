"""How a database's schema and this release go together: the decision alone, and the folder that is shipped."""

from pathlib import Path

import pytest

from webhookcore.store.schema import (
    Migration,
    SchemaStatus,
    as_migrations,
    compare,
    known_migrations,
    migrations_folder,
)

ONE = Migration("0001.initial", "a")
TWO = Migration("0002.notes", "b")
THREE = Migration("0003.contract.notes", "c")
FOUR = Migration("0004.more", "d")


@pytest.mark.parametrize(
    ("known", "applied", "status", "problem"),
    [
        ([ONE], [ONE], SchemaStatus.CURRENT, ""),
        ([ONE, TWO], [], SchemaStatus.BEHIND, "0001.initial, 0002.notes"),
        ([ONE, TWO], [ONE], SchemaStatus.BEHIND, "0002.notes"),
        ([ONE], [ONE, TWO], SchemaStatus.NEWER, "0002.notes"),
        ([ONE, TWO, THREE], [ONE, TWO, THREE, FOUR], SchemaStatus.NEWER, "0004.more"),
        ([ONE, TWO], [ONE, TWO, THREE], SchemaStatus.CONTRACTED, "0003.contract.notes"),
        ([ONE], [ONE, TWO, THREE, FOUR], SchemaStatus.CONTRACTED, "0003.contract.notes"),
        ([ONE, TWO], [ONE, THREE], SchemaStatus.DIVERGED, "0002.notes was not applied"),
        ([TWO], [ONE, TWO], SchemaStatus.DIVERGED, "0001.initial is unknown"),
        ([ONE, FOUR], [ONE, TWO], SchemaStatus.DIVERGED, "0002.notes is unknown"),
        ([ONE], [Migration("0001.initial", "z")], SchemaStatus.DIVERGED, "0001.initial was changed"),
        ([ONE, TWO], [Migration("0001.initial", "z")], SchemaStatus.DIVERGED, "0001.initial was changed"),
    ],
)
def test_one_history_must_begin_with_the_other(
    known: list[Migration], applied: list[Migration], status: SchemaStatus, problem: str
) -> None:
    """Every way in which the two can differ, with what a person is told."""
    state = compare(known, applied)
    assert state.status is status
    assert problem in state.problem
    assert state.usable == (status in {SchemaStatus.CURRENT, SchemaStatus.NEWER})


def test_the_release_ships_its_migrations() -> None:
    """The folder is found, in order, and each file's name says what kind it is."""
    known = known_migrations(migrations_folder())
    assert known[0].id == "0001.initial"
    assert list(known) == sorted(known)
    assert all(len(migration.id.split(".")[0]) == 4 for migration in known)


def test_line_ends_do_not_change_a_migration(tmp_path: Path) -> None:
    """A checkout with other line ends is the same release."""
    for name, text in (("unix", b"SELECT 1;\nSELECT 2;\n"), ("dos", b"SELECT 1;\r\nSELECT 2;\r\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0001.x.sql").write_bytes(text)
    assert known_migrations(tmp_path / "unix") == known_migrations(tmp_path / "dos")


def test_an_empty_folder_is_a_broken_installation(tmp_path: Path) -> None:
    """Nothing known would make every database newer."""
    with pytest.raises(FileNotFoundError, match="no migrations"):
        known_migrations(tmp_path)


def test_rows_are_sorted_as_files_are() -> None:
    """Whatever the database's collation does."""
    assert as_migrations([("0002.notes", "b"), ("0001.initial", "a")]) == (ONE, TWO)
