"""The events: one JSON line each on stdout, never a phone number, message id, text or secret in the clear."""

import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO


class EventName(StrEnum):
    """Every event there is; docs/events.md documents each (compared by a test)."""

    CORE_WEBHOOK_RECEIVED = "CORE_WEBHOOK_RECEIVED"
    CORE_ROUTING_DECISION = "CORE_ROUTING_DECISION"
    CORE_AUTH_FAILED = "CORE_AUTH_FAILED"
    CORE_RATE_LIMITED = "CORE_RATE_LIMITED"
    CORE_DELIVERED = "CORE_DELIVERED"
    CORE_DEAD_LETTERED = "CORE_DEAD_LETTERED"
    CORE_SLO_VIOLATED = "CORE_SLO_VIOLATED"
    DLQ_PROCESSOR_STARTED = "DLQ_PROCESSOR_STARTED"
    DLQ_PROCESSOR_COMPLETED = "DLQ_PROCESSOR_COMPLETED"
    DLQ_MESSAGE_PROCESSED = "DLQ_MESSAGE_PROCESSED"
    DLQ_MESSAGE_RETRY_SCHEDULED = "DLQ_MESSAGE_RETRY_SCHEDULED"
    DLQ_MESSAGE_ABANDONED = "DLQ_MESSAGE_ABANDONED"
    SESSION_CLEANUP_STARTED = "SESSION_CLEANUP_STARTED"
    SESSION_CLEANUP_COMPLETED = "SESSION_CLEANUP_COMPLETED"


_encode = json.JSONEncoder(separators=(",", ":")).encode


class Pseudonyms:
    """Keyed hashes that stand for phone numbers and message ids: the same one always, and no way back."""

    def __init__(self, internal_secret: bytes) -> None:
        self._key = hmac.digest(internal_secret, b"webhookcore pseudonyms v1", "sha256")

    def of(self, value: str | None) -> str | None:
        """16 hex digits for a phone number or message id; None for none."""
        if not value:
            return None
        return hashlib.blake2b(value.encode("utf-8", "backslashreplace"), digest_size=8, key=self._key).hexdigest()


class EventLog:
    """Writes events. `emit` only formats and appends; `flush` writes, and the owner calls it often and at the end."""

    def __init__(self, pseudonyms: Pseudonyms, out: TextIO | None = None, *, buffered: bool = False) -> None:
        self.pseudonyms = pseudonyms
        self._out = out if out is not None else sys.stdout
        self._buffered = buffered
        self._lines: list[str] = []

    def emit(
        self,
        name: EventName,
        *,
        correlation_id: str | None = None,
        request_id: str | None = None,
        sender: str | None = None,
        message_id: str | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> None:
        """`sender` and `message_id` are given in the clear and written as pseudonyms."""
        moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"event": name, "timestamp": moment}
        if correlation_id is not None:
            line["correlationId"] = correlation_id
        if request_id is not None:
            line["requestId"] = request_id
        if sender is not None:
            line["sender"] = self.pseudonyms.of(sender)
        if message_id is not None:
            line["messageId"] = self.pseudonyms.of(message_id)
        line.update(fields)
        self._lines.append(_encode(line))
        if not self._buffered:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            self._out.write("\n".join(lines) + "\n")
            self._out.flush()
