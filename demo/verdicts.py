"""What the routers' own logs say about each event: their CORE_ROUTING_DECISION lines."""

import json
from collections.abc import Iterable
from pathlib import Path

from demo.observed import Verdict


def read_verdicts(logs: Iterable[Path]) -> dict[str, list[Verdict]]:
    """By request id, in the order of the notification's events."""
    found: dict[str, list[Verdict]] = {}
    for log in logs:
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["event"] == "CORE_ROUTING_DECISION":
                found.setdefault(event["requestId"], []).append(Verdict(event["route"], event["reason"]))
    return found
