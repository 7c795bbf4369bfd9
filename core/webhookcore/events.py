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
_quoted = json.encoder.encode_basestring_ascii
_NUMBERS = (int, float)
"""Whose str is JSON; not bool's."""


def _json(value: Any) -> str:
    """As JSON. An encoder's set-up costs more than most values."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    return str(value) if type(value) in _NUMBERS else _encode(value)


class Pseudonyms:
    """Keyed hashes that stand for phone numbers and message ids: the same one always, and no way back."""

    def __init__(self, internal_secret: bytes) -> None:
        key = hmac.digest(internal_secret, b"webhookcore pseudonyms v1", "sha256")
        self._keyed = hashlib.blake2b(digest_size=8, key=key)

    def of(self, value: str | None) -> str | None:
        """16 hex digits for a phone number or message id; None for none."""
        if not value:
            return None
        digest = self._keyed.copy()
        digest.update(value.encode("utf-8", "backslashreplace"))
        return digest.hexdigest()


_Noted = tuple[EventName, datetime, str | None, str | None, str | None, str | None, dict[str, Any]]


class EventLog:
    """Writes events. `emit` notes what happened; `flush` makes lines of it and writes them: the owner calls it often
    and at the end. Many lines at once cost half of what they cost one by one, between other work.
    """

    def __init__(self, pseudonyms: Pseudonyms, out: TextIO | None = None, *, buffered: bool = False) -> None:
        self.pseudonyms = pseudonyms
        self._out = out if out is not None else sys.stdout
        self._buffered = buffered
        self._noted: list[_Noted] = []
        self._moment: datetime | None = None
        self._moment_text = ""

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
        self._noted.append((name, at or datetime.now(UTC), correlation_id, request_id, sender, message_id, fields))
        if not self._buffered:
            self.flush()

    def flush(self) -> None:
        if self._noted:
            noted, self._noted = self._noted, []
            self._out.write("".join([self._line(event) for event in noted]))
            self._out.flush()

    def _line(self, noted: _Noted) -> str:
        name, at, correlation_id, request_id, sender, message_id, fields = noted
        line = f'{{"event":"{name}","timestamp":"{self._timestamp(at)}"'
        if correlation_id is not None:
            line += f',"correlationId":{_quoted(correlation_id)}'
        if request_id is not None:
            line += f',"requestId":{_quoted(request_id)}'
        if sender is not None:
            line += f',"sender":{_json(self.pseudonyms.of(sender))}'
        if message_id is not None:
            line += f',"messageId":{_json(self.pseudonyms.of(message_id))}'
        for key, value in fields.items():
            line += f',"{key}":{_json(value)}'
        return line + "}\n"

    def _timestamp(self, moment: datetime) -> str:
        """The events of one notification share their moment."""
        if moment is not self._moment:
            self._moment, self._moment_text = moment, moment.isoformat(timespec="milliseconds")
        return self._moment_text
