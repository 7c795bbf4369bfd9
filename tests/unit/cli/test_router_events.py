"""What goes wrong in the router, told at the terminal."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from webhookcore_cli.local.console import Console
from webhookcore_cli.local.router_events import Tail, describe, follow


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"event": "CORE_DEAD_LETTERED", "route": "jobs", "attempts": 3, "code": "Timeout", "detail": "no answer"},
            "to the dead letter queue: for jobs after 3 attempts, Timeout: no answer",
        ),
        ({"event": "CORE_AUTH_FAILED", "what": "signature"}, "refused, as it was not signed by Meta: signature"),
        ({"event": "CORE_RATE_LIMITED", "onExceed": "Delay"}, "a sender above the rate limit: Delay"),
        ({"event": "CORE_DELIVERED"}, None),
        ({"other": 1}, None),
        ([], None),
    ],
)
def test_only_trouble_is_told(event: Any, expected: str | None) -> None:
    """What is delivered, the services' own lines tell."""
    assert describe(json.dumps(event).encode()) == expected


def test_what_is_no_json_is_passed_over() -> None:
    """A traceback of the router's in the same file, say."""
    assert describe(b"Traceback (most recent call last):") is None


def test_a_tail_reads_whole_lines_from_where_it_began(tmp_path: Path) -> None:
    """Not what was there, not half a line; and from the start of a file that took the old one's place."""
    path = tmp_path / "router.jsonl"
    missing = Tail(path)
    assert missing.look() == []
    path.write_bytes(b"old\n")
    tail = Tail(path)
    assert tail.look() == []
    with path.open("ab") as file:
        file.write(b"one\ntw")
    assert tail.look() == [b"one"]
    with path.open("ab") as file:
        file.write(b"o\n")
    assert tail.look() == [b"two"]
    path.write_bytes(b"new\n")
    assert tail.look() == [b"new"]


class Listener(io.StringIO):
    """A terminal that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


async def test_what_is_appended_is_told(tmp_path: Path) -> None:
    """Until it is cancelled."""
    path, out = tmp_path / "router.jsonl", Listener()
    path.touch()
    tail = Tail(path)
    path.write_text('{"event":"CORE_DELIVERED"}\n{"event":"CORE_AUTH_FAILED","what":"signature"}\n')
    following = asyncio.create_task(follow(tail, Console(out)))
    async with asyncio.timeout(10):
        await out.written.wait()
    following.cancel()
    assert out.getvalue().count("\n") == 1
    assert "not signed by Meta" in out.getvalue()
