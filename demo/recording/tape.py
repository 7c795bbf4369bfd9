"""The tape: collects notifications in any order and gives them out as the lines of a recording."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from demo.day import DUPLICATE, Expected, since_midnight
from demo.recording.people import Person
from demo.recording.whatsapp import Json, change, encode, envelope, value

DAY_BEGAN: Final = 1_763_424_000
"""2025-11-18T00:00:00Z"""


@dataclass(frozen=True, slots=True)
class Said:
    """A message, who said it, and where it should go."""

    person: Person
    message: Json
    expected: Expected


@dataclass(frozen=True, slots=True)
class Take:
    """One notification on the tape."""

    at: float
    note: str
    body: bytes
    expected: tuple[Expected, ...]
    signed_by: str = "meta"
    exact: bool = False
    """Kept as base64, so that no editor mends what is odd about it."""


class Tape:
    """Times are seconds since midnight."""

    def __init__(self) -> None:
        self.takes: list[Take] = []

    def post(self, at: float, note: str, body: bytes, *expected: Expected, **more: Any) -> Take:
        take = Take(at, note, body, expected, **more)
        self.takes.append(take)
        return take

    def messages(self, at: float, note: str, *said: Said, **more: Any) -> Take:
        """One notification of these messages, all in one change."""
        people = list(dict.fromkeys(item.person for item in said))
        content = value(contacts=[person.contact() for person in people], messages=[item.message for item in said])
        return self.post(at, note, encode(envelope(change(content))), *(item.expected for item in said), **more)

    def changes(self, at: float, note: str, changes: Sequence[Json], *expected: Expected) -> Take:
        """One notification of several changes, each in an entry of its own."""
        return self.post(at, note, encode(envelope(*changes, moment=epoch(at))), *expected)

    def again(self, take: Take, seconds: float, why: str) -> Take:
        """Meta sends a notification a second time, to the byte."""
        expected = tuple(replace(each, reason=DUPLICATE, abandoned=False) for each in take.expected)
        return self.post(take.at + seconds, f"{why}: {take.note}", take.body, *expected, exact=take.exact)

    def lines(self) -> list[dict[str, Any]]:
        """In the order of the day."""
        return [_line(take) for take in sorted(self.takes, key=lambda take: take.at)]


def _line(take: Take) -> dict[str, Any]:
    body = {"base64": base64.b64encode(take.body).decode()} if take.exact else {"body": take.body.decode()}
    line = {"at": written(take.at), "note": take.note, "expect": [_expectation(each) for each in take.expected]}
    return line | ({"signedBy": take.signed_by} if take.signed_by != "meta" else {}) | body


def _expectation(expected: Expected) -> dict[str, Any]:
    fields = asdict(expected)
    if not expected.abandoned:
        del fields["abandoned"]
    return fields


def written(at: float) -> str:
    seconds, milliseconds = divmod(round(at * 1000), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"


def seconds(clock: str) -> float:
    """Since midnight."""
    return since_midnight(clock).total_seconds()


def epoch(at: float) -> int:
    """WhatsApp's timestamp of a moment of the day."""
    return DAY_BEGAN + int(at)
