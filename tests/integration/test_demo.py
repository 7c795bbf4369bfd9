"""`make demo` on a shorter day: exit 0 and totals that add up, 1 with the very mismatch; nothing is left behind."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from demo.day import RECORDING, read, since_midnight

ROOT = Path(__file__).parents[2]
HALF_PAST_ONE = since_midnight("13:30")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The demo's folder for temporary files: short, since a socket's path is; Postgres' own user may pass through."""
    with TemporaryDirectory(prefix="demo-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


async def start(temporary: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "DATABASE_URL": "postgresql://nowhere.invalid/"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def play(temporary: Path, *arguments: str) -> tuple[int | None, str, str]:
    process = await start(temporary, *arguments)
    out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


def what_is_left(temporary: Path) -> list[str]:
    """Files, and processes that name the folder or stand in it."""
    left = [str(path) for path in temporary.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = str((process / "cwd").readlink())
        except OSError:
            continue  # it has just ended
        if str(temporary) in command or where.startswith(str(temporary)):
            left.append(f"{process.name}: {command}")
    return left


@pytest.mark.timeout(300)
async def test_a_day_with_an_outage_comes_out_right(temporary: Path) -> None:
    """Half a day: a service goes down and comes back, its dead letters are sent again, poison is given up, the night
    cleans up. Every event is accounted for, and nothing of another system's environment is used.
    """
    code, out, errors = await play(temporary, "--json", "--until", "13:30", "--seconds", "10")
    assert code == 0, out + errors
    result: dict[str, Any] = json.loads(out)
    assert result["ok"] is True
    assert not [each for each in result["checks"] if each["mismatches"]]
    day = read(RECORDING, HALF_PAST_ONE)
    events = sum(len(each.expected) for each in day)
    assert sum(result["accepted"].values()) == events
    assert result["accepted"]["abandoned"] == 2
    assert "LOST" not in result["accepted"]
    assert sum(count for reasons in result["routed"].values() for count in reasons.values()) == events
    came_back = [
        each for each in result["deadLetters"] if each["route"] == "wa-webhook-insurance" and each["came_back"]
    ]
    assert came_back
    assert result["services"]["wa-webhook-insurance"]["repeats"] > 0
    assert [each["delayed"] for each in result["delayed"].values()] in ([6], [7])
    assert result["cleanup"]["sessions"]["old"] == result["cleanup"]["sessions"]["removed"] > 0
    assert "wa-webhook-insurance goes down" in errors
    assert what_is_left(temporary) == []


async def test_a_wrong_expectation_is_told_and_ends_with_1(temporary: Path) -> None:
    """A reader who expected another service gets the line, what was expected and what was decided; tables too."""
    lines = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    number = next(n for n, line in enumerate(lines) if line["expect"][0]["reason"] == "reply_id")
    lines[number]["expect"][0]["route"] = "wa-webhook-jobs"
    tampered = temporary / "day.jsonl"
    tampered.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, errors = await play(temporary, "--day", str(tampered), "--until", "07:00")
    assert code == 1, out + errors
    assert f"line {number + 1} (06:" in out
    assert "expected wa-webhook-jobs (reply_id), decided wa-webhook-mobility (reply_id)" in out
    assert "What was routed where, and why" in out
    assert "✗" in out
    tampered.unlink()
    assert what_is_left(temporary) == []


async def test_ctrl_c_ends_everything(temporary: Path) -> None:
    """In the middle of the day: the exit code of an interrupt, no process and no file left."""
    process = await start(temporary, "--seconds", "600")
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if b"the day begins" in line:
                break
    process.send_signal(signal.SIGINT)
    out, errors = await process.communicate()
    assert process.returncode == 130, (out + errors).decode()
    assert b"interrupted" in out
    assert what_is_left(temporary) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--until", "noon"), "--until"),
        (("--day", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--seconds", "0"), "--seconds"),
    ],
)
async def test_options_that_make_no_sense_are_refused(temporary: Path, arguments: tuple[str, ...], said: str) -> None:
    """Before anything is started."""
    code, _, errors = await play(temporary, *arguments)
    assert code == 2
    assert said in errors
    assert what_is_left(temporary) == []
