"""An accepted event as the inbox keeps it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class NewRow:
    """An event on its way into the inbox. `owned` asks for it to be this router's from the start."""

    dedupe_key: bytes
    sender: str
    route: str
    owned: bool
    received_at: datetime
    due_at: datetime
    message_id: str | None
    idempotency_key: str
    reason: str
    menu_selection: str | None
    correlation_id: str
    request_id: str
    traceparent: str | None
    body: bytes


@dataclass(slots=True)
class Row:
    """A row of the inbox that this router owns. `attempts` counts what was, or is about to be, sent."""

    id: int
    sender: str
    route: str
    attempts: int
    received_at: datetime
    message_id: str | None
    idempotency_key: str
    reason: str
    menu_selection: str | None
    correlation_id: str
    request_id: str
    traceparent: str | None
    body: bytes
    taken_over: bool = False
    """Whether a router that is gone owned it, and may have sent it."""

    @classmethod
    def accepted(cls, row_id: int, new: NewRow) -> "Row":
        """The row that `new` became."""
        return cls(
            row_id,
            new.sender,
            new.route,
            1,
            new.received_at,
            new.message_id,
            new.idempotency_key,
            new.reason,
            new.menu_selection,
            new.correlation_id,
            new.request_id,
            new.traceparent,
            new.body,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What becomes of an inbox row that was not delivered."""

    row: Row
    attempts: int
    payload: str
    """JSON that jsonb takes."""
    code: str
    message: str
    next_retry_at: datetime | None
    """None exactly when abandoned."""
    abandoned: bool
