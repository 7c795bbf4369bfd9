"""What goes wrong in the router, told at the terminal: followed in its events, which it writes to a file."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from webhookcore.events import EventName
from webhookcore_cli.local.console import Console

LOOK_SECONDS: Final = 0.25

_TOLD: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    EventName.CORE_DEAD_LETTERED: lambda event: (
        f"to the dead letter queue: for {event.get('route')} after {event.get('attempts')} attempts, "
        f"{event.get('code')}: {event.get('detail')}"
    ),
    EventName.CORE_AUTH_FAILED: lambda event: f"refused, as it was not signed by Meta: {event.get('what')}",
    EventName.CORE_RATE_LIMITED: lambda event: f"a sender above the rate limit: {event.get('onExceed')}",
}


def describe(line: bytes) -> str | None:
    """An event for a person; None for one that the services' own lines tell already, and for what is no event."""
    try:
        event = json.loads(line)
        told = _TOLD.get(event["event"])
    except (ValueError, LookupError, TypeError):
        return None
    return told(event) if told else None


class Tail:
    """Reads the whole lines that were appended to a file since the last look."""

    def __init__(self, path: Path) -> None:
        """From the file's end as it is now."""
        self._path = path
        self._position = self._size()
        self._rest = b""

    def look(self) -> list[bytes]:
        size = self._size()
        if size < self._position:
            self._position, self._rest = 0, b""  # a new file: the old one had grown too long
        if size == self._position:
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            *lines, self._rest = (self._rest + file.read(size - self._position)).split(b"\n")
        self._position = size
        return lines

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0


async def follow(tail: Tail, console: Console) -> None:
    """Tell what is appended from now on, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for line in tail.look():
            if text := describe(line):
                console.say("router", text)
