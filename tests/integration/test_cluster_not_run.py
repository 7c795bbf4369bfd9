"""Where no cluster can be made: which tests are not run, why, and what to type. Nothing is installed unasked."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "To run them: CLUSTER=build make test-cluster"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder for the only programs of a machine; it has a shell, and no engine yet."""
    for name in ("bash", "env", "cat", "dirname", "awk", "sha256sum", "cut", "date"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / name).symlink_to(found)
    return tmp_path


def docker(machine: Path, text: str) -> None:
    (machine / "docker").write_text(f"#!/usr/bin/env bash\n{text}\n")
    (machine / "docker").chmod(0o755)


def run(machine: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What `make test` types at its end; without options, what `make test-cluster` types."""
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", "test", *options],
        cwd=ROOT,
        env={"PATH": str(machine), "HOME": str(machine), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def last_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return (done.stdout + done.stderr).strip().splitlines()[-2:]


def test_no_engine(machine: Path) -> None:
    """The whole of `make test` succeeds and ends with it; who asked for these tests alone gets an error."""
    done = run(machine, "--where-possible")
    assert done.returncode == 0
    why, remedy = last_lines(done)
    assert why == "Not run: the tests on a cluster (tests/cluster): no Docker engine answers."
    assert remedy.startswith(BUILD)
    alone = run(machine)
    assert (alone.returncode, last_lines(alone)) == (1, [why, remedy])


def test_what_make_test_ends_with(machine: Path, tmp_path: Path) -> None:
    """After the coverage, which leaves out what nothing but a cluster runs."""
    (tmp_path / "code.py").write_text("for number in (0, 1):\n    if number:\n        print(number)\n")
    environ = {"PATH": str(machine), "HOME": str(machine), "PYTHONPATH": str(ROOT)}
    measure = [sys.executable, "-m", "coverage", "run", "--branch", "code.py"]
    subprocess.run(measure, cwd=tmp_path, env=environ, check=True, stdout=subprocess.DEVNULL)
    report = [sys.executable, "-m", "scripts.check_coverage"]
    done = subprocess.run(report, cwd=tmp_path, env=environ, check=True, capture_output=True, text=True)
    assert "branches: 100.00 % (at least 95 %)" in done.stdout
    assert "\nNot run: the tests on a cluster (tests/cluster): no Docker engine answers.\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(BUILD)


def test_an_engine_alone(machine: Path) -> None:
    """The programs are missing."""
    docker(machine, '[ "$1" = version ]')
    why, remedy = last_lines(run(machine, "--where-possible"))
    assert why.endswith("not on PATH: kind, kubectl, helm.")
    assert remedy.startswith(BUILD)


def test_no_registry(machine: Path) -> None:
    """Everything is there but a place to have the images from."""
    docker(machine, '[ "$1" = version ]')
    for name in ("kind", "kubectl", "helm"):
        (machine / name).symlink_to(machine / "docker")
    why, remedy = last_lines(run(machine, "--where-possible", NODE_IMAGE="kindest/node:v1"))
    assert why.endswith("the image kindest/node:v1 cannot be pulled.")
    assert remedy == BUILD


def test_nobody_wants_one(machine: Path) -> None:
    """CLUSTER=none; and a word that means nothing is not taken for another."""
    docker(machine, "true")
    why, _ = last_lines(run(machine, "--where-possible", CLUSTER="none"))
    assert why.endswith("CLUSTER=none says to do without a cluster.")
    why, remedy = last_lines(run(machine, "--where-possible", CLUSTER="biuld"))
    assert why.endswith("CLUSTER=biuld means nothing.")
    assert remedy == BUILD
