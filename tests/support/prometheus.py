"""Prometheus' promtool: the one on PATH, else Debian's, unpacked into a cache and never installed."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = "prometheus"
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "webhookcore-tests"


@cache
def promtool() -> str:
    """Where it is. Skips the test where it cannot be had, and fails it where everything was to be built."""
    program = shutil.which("promtool") or _unpacked()
    if program is None:
        words = f"promtool is missing, which tests the alerts; install it (Debian, Ubuntu: apt-get install {PACKAGE})"
        if os.environ.get("CLUSTER") == "build":
            pytest.fail(words)
        pytest.skip(words)
    return program


def _unpacked() -> str | None:
    kept = CACHE / "promtool"
    if kept.exists():
        return str(kept)
    if shutil.which("apt-get") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103, PTH101 - apt downloads as another user
        if not _download(Path(folder)):
            return None
        (package,) = Path(folder).glob(f"{PACKAGE}_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(folder) / "usr/bin/promtool", kept.with_suffix(".part"))
        kept.with_suffix(".part").replace(kept)
    return str(kept)


def _download(folder: Path) -> bool:
    """Needs no rights where the lists of packages are there; root fetches them first."""
    download = ["apt-get", "download", "-qq", PACKAGE]
    if subprocess.run(download, cwd=folder, check=False, capture_output=True).returncode == 0:
        return True
    if os.geteuid() == 0 and subprocess.run(["apt-get", "update", "-qq"], check=False).returncode == 0:
        return subprocess.run(download, cwd=folder, check=False, capture_output=True).returncode == 0
    return False
