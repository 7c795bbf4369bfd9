"""The data folder: ours alone, never a stranger's."""

import json
import os
from pathlib import Path

import pytest

from webhookcore_cli.local.data_folder import DataFolder, Running
from webhookcore_cli.trouble import TroubleError

RUNNING = Running(
    pid=os.getpid(),
    url="http://127.0.0.1:8080/wa-webhook-core",
    internal_url="http://127.0.0.1:9090",
    database_url="postgresql://postgres@/postgres",
    source="/etc/webhookcoreconfig.yaml",
    config="config.yaml",
    made=("WA_APP_SECRET",),
    secrets_dir="secrets",
    socket_dir="",
)


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    """With its parents, and its logs; nobody else looks into it."""
    folder = DataFolder.open(tmp_path / "a" / "data")
    assert folder.logs.is_dir()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()


def test_a_second_run_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """Two runs over one folder would be two Postgres over one cluster."""
    folder = DataFolder.open(tmp_path / "data")
    folder.tell(RUNNING)
    with pytest.raises(TroubleError, match=rf"in use by another run \(pid {os.getpid()}, http://127"):
        DataFolder.open(tmp_path / "data")
    folder.close()
    DataFolder.open(tmp_path / "data").close()


def test_what_runs_can_be_found_until_it_ends(tmp_path: Path) -> None:
    """Other commands read it; it holds a database URL and is private."""
    folder = DataFolder.open(tmp_path / "data")
    assert Running.read(folder.path) is None
    folder.tell(RUNNING)
    found = Running.read(folder.path)
    assert found is not None
    assert (found.url, tuple(found.made)) == (RUNNING.url, RUNNING.made)
    assert (folder.path / "running.json").stat().st_mode & 0o777 == 0o600
    folder.close()
    assert Running.read(folder.path) is None


def test_a_killed_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its notice and its socket's folder go with the next start; no other folder does, whatever the notice says."""
    data, socket_dir, other = tmp_path / "data", tmp_path / "webhookcore-abc", tmp_path / "precious"
    for path in (data, socket_dir, other):
        path.mkdir()
    for named in (str(other), "", "webhookcore-relative", str(socket_dir)):
        (data / "running.json").write_text(json.dumps({"socket_dir": named}))
        DataFolder.open(data).close()
    assert other.is_dir()
    assert not socket_dir.exists()
    assert not (data / "running.json").exists()


def test_a_notice_that_is_none_is_no_trouble(tmp_path: Path) -> None:
    """A run replaces it; another command says which file it is."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "running.json").write_text("[")
    with pytest.raises(TroubleError, match=r"running\.json cannot be read"):
        Running.read(data)
    folder = DataFolder.open(data)
    (data / "running.json").write_text("[")
    with pytest.raises(TroubleError, match="in use by another run\\."):
        DataFolder.open(data)
    folder.close()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    """Somebody's documents are no data folder."""
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(TroubleError, match=r"holds other files \(letter\.txt\)"):
        DataFolder.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Refused by its name."""
    (tmp_path / "file").touch()
    with pytest.raises(TroubleError, match="file is no folder"):
        DataFolder.open(tmp_path / "file")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The system's own reason, and what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(TroubleError, match=r"cannot be used: Not a directory .* Choose another with --data-dir"):
        DataFolder.open(tmp_path / "file" / "data")
