"""A notification on its way through the flush, and what became of each of its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webhookcore.notification.event import Event
from webhookcore.settings import OnExceed


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified notification: it is kept whole or not at all."""

    events: Sequence[Event]
    received_at: datetime
    correlation_id: str
    request_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one event."""

    route: str | None
    reason: str
    limited: OnExceed | None = None
    """What the rate limit did to it."""
    wait_seconds: float | None = None
    """Delay: until it may be delivered. Reject: until it is welcome. None else."""
