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
    EventName.CORE_RATE_LIMITED: lambda event: (
        "refused: a sender above the rate limit" if event.get("refused") else "a sender above the rate limit"
    ),
}


def describe(line: bytes) -> str | None:
    """An event for a person; None for one that the services' own lines tell already, and for what is no event."""
    try:
        event = json.loads(line)
        told = _TOLD.get(event["event"])
    except (ValueError, LookupError, TypeError):
        return None
    return told(event) if told else None


async def follow(path: Path, console: Console) -> None:
    """Tell what is appended to `path` from now on, until cancelled."""
    position = path.stat().st_size if path.exists() else 0
    rest = b""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        size = path.stat().st_size if path.exists() else 0
        if size < position:
            position, rest = 0, b""  # a new file after the old one had grown too long
        if size == position:
            continue
        with path.open("rb") as file:
            file.seek(position)
            *lines, rest = (rest + file.read(size - position)).split(b"\n")
        position = size
        for line in lines:
            if text := describe(line):
                console.say("router", text)
