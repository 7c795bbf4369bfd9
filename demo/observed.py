"""What was seen while the day was played: by Meta, by the services, by WhatsApp, in the database, of the jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """The router's answer to one POST; header names in lower case. `number` is the notification's."""

    number: int
    status: int
    headers: Mapping[str, str]


@dataclass(slots=True)
class Receipt:
    """One request that reached a service. Times are Unix seconds; `status` is None where the caller went away first."""

    service: str
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float | None = None
    status: int | None = None

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def attempt(self) -> int:
        """0 where the header is missing or no number."""
        text = self.headers.get("x-wa-attempt", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def done(self) -> bool:
        """The service did its work and said so."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's successes


@dataclass(slots=True)
class Outage:
    """A service was away, and how. Times are Unix seconds."""

    service: str
    how: str
    began: float
    ended: float = float("inf")


@dataclass(frozen=True, slots=True)
class MenuSent:
    """A home menu that WhatsApp was asked to show."""

    to: str
    token: str
    content: Mapping[str, Any]
    at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the dead letter queue, before the clean-up."""

    key: str
    route: str
    code: str
    detail: str
    retries: int
    attempts: int
    processed: bool
    abandoned: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the routers' own log says about one event."""

    route: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: when in the day it ended, what was typed, its exit code and its JSON result."""

    clock: str
    command: str
    code: int
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What was aged on purpose, and what the clean-up then removed: sessions, processed and abandoned dead letters."""

    aged: Mapping[str, int]
    removed: Mapping[str, int]
    run: Run


@dataclass(slots=True)
class Observed:
    """Everything, for the checks and the report."""

    answers: list[Answer] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    menus: list[MenuSent] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    """By the request id of the answer."""
    runs: list[Run] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    """What still waits in the inbox when all should be over, by route."""
    cleanup: Cleanup | None = None
    outages: list[Outage] = field(default_factory=list)
    router_exits: list[int | None] = field(default_factory=list)


def received_at(receipt: Receipt) -> float | None:
    """When the event was accepted, as its delivery tells; None where it does not."""
    try:
        moment = datetime.fromisoformat(receipt.headers.get("x-wa-received-at", ""))
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()
