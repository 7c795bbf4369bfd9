"""What the dlq-processor and the router say to each other: a redelivery, and the answer what became of it.

A redelivery is one line of JSON, a newline, and the event's exact bytes; an answer is one JSON object. Both sides read
strictly: what is missing or of another type is a DecodeError, and for the processor an answer that is none counts as
"router not reached". Names that this release does not know are ignored, so that a newer processor can speak to an older
router while an upgrade rolls.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeVar, assert_never
from uuid import UUID

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked

_T = TypeVar("_T")

_MOST_SECONDS: Final = 86_400
_MOST_DETAIL: Final = 500


class DecodeError(ValueError):
    """What arrived is no redelivery, or no outcome; the message says why and quotes no value."""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """One dead letter on its way to the router."""

    id: UUID
    route: str
    """The route that was decided first."""
    reason: str
    menu_selection: str | None
    sender: str
    message_id: str | None
    idempotency_key: str
    attempt: int
    """X-WA-Attempt of the first HTTP try; raised durably at the claim."""
    retry: int
    """X-DLQ-Retry: 1 for the first retry."""
    received_at: datetime
    correlation_id: str
    request_id: str
    traceparent: str | None
    body: bytes
    taken_over: bool = False
    """Whether a processor that is gone may have had it sent: nobody wants the home menu twice."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a redelivery: the outcome, the route that it went to, and the last X-WA-Attempt that was used."""

    outcome: Outcome
    route: str
    attempts: int


def encode(redelivery: Redelivery) -> bytes:
    """The body of POST /internal/deliver."""
    line: dict[str, Any] = {
        "id": str(redelivery.id),
        "route": redelivery.route,
        "reason": redelivery.reason,
        "menuSelection": redelivery.menu_selection,
        "sender": redelivery.sender,
        "messageId": redelivery.message_id,
        "idempotencyKey": redelivery.idempotency_key,
        "attempt": redelivery.attempt,
        "retry": redelivery.retry,
        "receivedAt": redelivery.received_at.isoformat(),
        "correlationId": redelivery.correlation_id,
        "requestId": redelivery.request_id,
        "traceparent": redelivery.traceparent,
    }
    if redelivery.taken_over:
        line["takenOver"] = True
    return json.dumps(line, separators=(",", ":")).encode() + b"\n" + redelivery.body


def decode(data: bytes) -> Redelivery:
    """Raises DecodeError."""
    line, newline, body = data.partition(b"\n")
    if not newline:
        raise DecodeError("no newline after the metadata")
    fields = _Fields(line)
    return Redelivery(
        id=fields.uuid("id"),
        route=fields.required("route", str),
        reason=fields.required("reason", str),
        menu_selection=fields.optional("menuSelection", str),
        sender=fields.required("sender", str),
        message_id=fields.optional("messageId", str),
        idempotency_key=fields.required("idempotencyKey", str),
        attempt=fields.counted("attempt", least=1),
        retry=fields.counted("retry", least=1),
        received_at=fields.time("receivedAt"),
        correlation_id=fields.required("correlationId", str),
        request_id=fields.required("requestId", str),
        traceparent=fields.optional("traceparent", str),
        body=body,
        taken_over=fields.flag("takenOver"),
    )


def encode_outcome(answer: Answer) -> bytes:
    """The body of the answer to POST /internal/deliver."""
    fields: dict[str, Any] = {"outcome": "", "route": answer.route, "attempts": answer.attempts}
    match answer.outcome:
        case Delivered(status):
            fields |= {"outcome": "delivered", "status": status}
        case Failed(code, detail, status, retry_after):
            fields |= {"outcome": "failed", "status": status, "code": code, "detail": detail}
            fields["retryAfterSeconds"] = retry_after
        case Abandoned(code, detail, status):
            fields |= {"outcome": "abandoned", "status": status, "code": code, "detail": detail}
        case Parked(why, until):
            fields |= {"outcome": "parked", "detail": why, "until": until.isoformat()}
        case _:
            assert_never(answer.outcome)
    return json.dumps(fields, separators=(",", ":")).encode()


@lru_cache(maxsize=64)
def decode_outcome(data: bytes) -> Answer:
    """Raises DecodeError. Most answers of a run are the same few."""
    fields = _Fields(data)
    outcome: Outcome
    match fields.required("outcome", str):
        case "delivered":
            outcome = Delivered(fields.counted("status", least=200))
        case "failed":
            status, seconds = fields.optional("status", int), fields.seconds("retryAfterSeconds")
            outcome = Failed(fields.code("code"), fields.text("detail"), status, seconds)
        case "abandoned":
            outcome = Abandoned(fields.code("code"), fields.text("detail"), fields.optional("status", int))
        case "parked":
            outcome = Parked(fields.text("detail"), fields.time("until"))
        case _:
            raise DecodeError("no such outcome")
    return Answer(outcome, fields.required("route", str), fields.counted("attempts", least=0))


class _Fields:
    """A JSON object whose members are read by name and type."""

    def __init__(self, data: bytes) -> None:
        try:
            fields = json.loads(data, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise DecodeError("not JSON") from error
        if not isinstance(fields, dict):
            raise DecodeError("not a JSON object")
        self._fields: dict[str, Any] = fields

    def required(self, name: str, kind: type[_T]) -> _T:
        value = self.optional(name, kind)
        if value is None:
            raise DecodeError(f"{name} is missing")
        return value

    def optional(self, name: str, kind: type[_T]) -> _T | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise DecodeError(f"{name} is no {kind.__name__}")
        return value

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            raise DecodeError(f"{name} is no bool")
        return value

    def text(self, name: str) -> str:
        """A text that a Postgres text column takes: one bad answer must not fail the others that settle with it."""
        cleaned = self.required(name, str)[:_MOST_DETAIL].replace("\0", "\ufffd")
        return cleaned.encode("utf-8", "replace").decode()

    def counted(self, name: str, *, least: int) -> int:
        value = self.required(name, int)
        if not least <= value < 2**31:
            raise DecodeError(f"{name} is out of range")
        return value

    def seconds(self, name: str) -> float | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST_SECONDS:
            raise DecodeError(f"{name} is no number of seconds")
        return float(value)

    def code(self, name: str) -> FailureCode:
        value = self.required(name, str)
        try:
            return FailureCode(value)
        except ValueError as error:
            raise DecodeError(f"{name} is no failure code") from error

    def time(self, name: str) -> datetime:
        text = self.required(name, str)
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            raise DecodeError(f"{name} is no time") from error
        if value.tzinfo is None:
            raise DecodeError(f"{name} has no time zone")
        return value

    def uuid(self, name: str) -> UUID:
        value = self.required(name, str)
        try:
            return UUID(value)
        except ValueError as error:
            raise DecodeError(f"{name} is no UUID") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
