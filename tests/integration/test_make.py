"""The menu of the repository: what it lists, and what setting up says on a machine that lacks something."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_menu_lists_every_target() -> None:
    """`make` alone shows it; each target says what it does."""
    targets = re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^  make ([a-z-]+) +\S.*$", shown, re.MULTILINE)
    assert listed == targets


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout, and a folder for the only programs that this machine has: no Python among them."""
    (tmp_path / "checkout" / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "checkout" / "scripts")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "cat", "id", "rm", "printf"):
        if found := shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def program(machine: Path, name: str, text: str) -> Path:
    path = machine / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def setup(machine: Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "checkout/scripts/setup.sh"],
        cwd=machine,
        env={"PATH": str(machine / "bin"), **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_python_is_told(machine: Path) -> None:
    """What to type; an old one is none, and neither is a name that is not there."""
    program(machine, "python3", "exit 1")
    done = setup(machine, {"PYTHON": "/no/such/python"})
    assert done.returncode == 1
    assert "no Python 3.11 or newer was found" in done.stderr
    assert "sudo apt-get install python3 python3-venv" in done.stderr


WITHOUT_VENV = """case "$*" in
  *"sys.exit("*) exit 0 ;;
  *"%d.%d"*) echo 3.13 ;;
  --version) echo Python 3.13.0 ;;
  *) echo "ensurepip is not available" >&2; exit 1 ;;
esac"""


def test_an_ordinary_user_is_told_the_one_command_that_is_missing(machine: Path) -> None:
    """Debian's Python cannot make virtual environments by itself; setting up installs nothing for a user."""
    program(machine, "python3.13", WITHOUT_VENV)
    program(machine, "apt-get", "touch used")
    program(machine, "id", "echo 1000")
    done = setup(machine)
    assert done.returncode == 1
    assert "sudo apt-get install -y python3.13-venv" in done.stderr
    assert not (machine / "checkout" / "used").exists()


def test_root_gets_the_missing_package(machine: Path) -> None:
    """By apt-get, which may fail; then it is told."""
    program(machine, "python3.13", WITHOUT_VENV)
    program(machine, "apt-get", 'printf "%s\\n" "$*" >>used; case "$1" in update) exit 0 ;; *) exit 1 ;; esac')
    program(machine, "id", "echo 0")
    done = setup(machine)
    assert done.returncode == 1
    assert "python3.13-venv could not be installed" in done.stderr
    assert (machine / "checkout" / "used").read_text() == "update -qq\ninstall -y -qq python3.13-venv\n"


def test_a_machine_without_apt_is_told(machine: Path) -> None:
    """Another distribution: which module is missing."""
    program(machine, "python3.13", WITHOUT_VENV)
    done = setup(machine)
    assert done.returncode == 1
    assert "python3.13 has neither venv nor pip" in done.stderr
