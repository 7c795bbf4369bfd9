"""What can come out of a delivery, as types that a match statement must exhaust."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FailureCode(StrEnum):
    """Why an event was not delivered; `error_code` of a dead letter."""

    TIMEOUT = "Timeout"
    NETWORK = "Network"
    PROTOCOL = "Protocol"
    REFUSED_TARGET = "RefusedTarget"
    REDIRECT = "Redirect"
    CLIENT_ERROR = "ClientError"
    THROTTLED = "Throttled"
    SERVER_ERROR = "ServerError"
    NEVER_RETRY = "NeverRetry"
    ROUTE_GONE = "RouteGone"
    UNKNOWN_OUTCOME = "UnknownOutcome"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The service answered 2xx."""

    status: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Not delivered; a dead letter that the dlq-processor tries again."""

    code: FailureCode
    detail: str
    """For the person on call: no secret, no phone number, no text of a message; at most 500 characters."""
    status: int | None = None
    retry_after_seconds: float | None = None
    """The service's own wish (Retry-After), capped at one hour."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Not delivered and never tried again by itself."""

    code: FailureCode
    detail: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """Not tried: the route is paused or its breaker open. Nothing is charged."""

    why: str
    """"paused" or "breaker_open"."""
    until: datetime
    """When to come back (database time)."""


Outcome = Delivered | Failed | Abandoned | Parked
