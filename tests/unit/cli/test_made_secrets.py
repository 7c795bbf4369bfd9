"""Secrets that the local mode makes once and keeps."""

from pathlib import Path

import pytest

from webhookcore_cli.local import made_secrets
from webhookcore_cli.trouble import TroubleError


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """A second run reads what the first one made, and a new need adds to it."""
    path = tmp_path / "secrets.env"
    first = made_secrets.keep(path, ["WA_APP_SECRET"])
    second = made_secrets.keep(path, ["WA_APP_SECRET", "WA_VERIFY_TOKEN"])
    assert second["WA_APP_SECRET"] == first["WA_APP_SECRET"]
    assert len(second["WA_VERIFY_TOKEN"]) >= 32
    assert made_secrets.read(path) == second


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    """The file is private from its first byte on."""
    path = tmp_path / "secrets.env"
    made_secrets.keep(path, ["WA_APP_SECRET"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_where_nothing_is_needed(tmp_path: Path) -> None:
    """All secrets from the environment: no file."""
    assert made_secrets.keep(tmp_path / "secrets.env", []) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_broken_line_is_told_and_the_file_is_left_alone(tmp_path: Path) -> None:
    """By its file and number; the secrets in it are not lost."""
    path = tmp_path / "secrets.env"
    path.write_text("# a comment\n\nWA_APP_SECRET=kept\nnonsense\n")
    with pytest.raises(TroubleError, match=r"secrets\.env, line 4: expected NAME=value"):
        made_secrets.keep(path, ["WA_VERIFY_TOKEN"])
    assert "WA_APP_SECRET=kept" in path.read_text()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Bytes that are no text, and a folder of that name."""
    path = tmp_path / "secrets.env"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TroubleError, match="cannot be read"):
        made_secrets.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(TroubleError, match="cannot be read"):
        made_secrets.read(path)
