"""The recorded day: one notification a line, exactly as Meta posts it, and what a person who reads it expects of it."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Final

RECORDING: Final = Path(__file__).with_name("day.jsonl")

MENU: Final = "wa-webhook-core"
"""What the recording calls the home menu, sent to whoever wrote."""
DUPLICATE: Final = "duplicate"


@dataclass(frozen=True, slots=True)
class Expected:
    """What should become of one event. `route` is None for what is counted and goes nowhere."""

    route: str | None
    reason: str
    abandoned: bool = False
    """A poison message: its service will never take it."""

    @property
    def is_repeat(self) -> bool:
        return self.reason == DUPLICATE

    @property
    def to_deliver(self) -> bool:
        """Whether a service, or WhatsApp for the menu, must have got it in the end."""
        return self.route is not None and not self.is_repeat and not self.abandoned


@dataclass(frozen=True, slots=True)
class Notification:
    """One POST. `at` is since midnight; `signed_by` is "meta", or who else pretends to be."""

    number: int
    at: timedelta
    note: str
    body: bytes
    expected: tuple[Expected, ...]
    signed_by: str = "meta"

    @property
    def clock(self) -> str:
        return clock(self.at)


def clock(at: timedelta) -> str:
    """A moment of the day as a person writes it."""
    minutes = int(at.total_seconds()) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def since_midnight(text: str) -> timedelta:
    """From 08:30 or 08:30:15.250; ValueError for anything else."""
    moment = time.fromisoformat(text)
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


def read(path: Path, until: timedelta | None = None) -> list[Notification]:
    """The notifications of a recording, up to a time of day. ValueError names the line that is none."""
    day: list[Notification] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                notification = _parse(number, json.loads(line))
            except (ValueError, LookupError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: {error!r}") from None
            if until is None or notification.at < until:
                day.append(notification)
    return day


def _parse(number: int, line: dict[str, Any]) -> Notification:
    body = base64.b64decode(line["base64"], validate=True) if "base64" in line else line["body"].encode()
    return Notification(
        number,
        since_midnight(line["at"]),
        line["note"],
        body,
        tuple(Expected(**expected) for expected in line["expect"]),
        line.get("signedBy", "meta"),
    )


def write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """The other way round; each line holds what `read` takes."""
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
