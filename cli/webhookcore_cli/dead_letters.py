"""`webhookcore dlq`: what was not delivered and why, and sending it again."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from webhookcore.events import EventLog, EventName
from webhookcore.store import on_call
from webhookcore.store.database import Connection
from webhookcore.store.on_call import DeadLetter, Payload, Requeued, Selection, State
from webhookcore_cli.masking import masked
from webhookcore_cli.output import distance, iso
from webhookcore_cli.trouble import EXIT_USAGE, TroubleError

COLUMNS: Final = ("ID", "State", "Route", "Error", "Retries", "Next retry", "From", "Made")


def identifiers(given: Sequence[str]) -> list[UUID]:
    """TroubleError names the first that is none."""
    found = []
    for text in given:
        try:
            found.append(UUID(text))
        except ValueError:
            raise TroubleError(
                f"{text!r} is no dead letter's ID: `webhookcore dlq list` shows them.", EXIT_USAGE
            ) from None
    return found


def row(letter: DeadLetter, now: datetime, *, reveal: bool) -> tuple[str, ...]:
    """A line of the list."""
    return (
        str(letter.id),
        letter.state,
        letter.route,
        letter.error_code,
        str(letter.retry_count),
        distance(letter.next_retry_at if letter.state == State.WAITING else None, now),
        letter.from_number if reveal else masked(letter.from_number),
        distance(letter.created_at, now),
    )


def as_dict(letter: DeadLetter, *, reveal: bool) -> dict[str, Any]:
    """Everything but the payload, in JSON's terms. Without `reveal` no number, and no message id that holds one."""
    told = {_camel(name): _plain(value) for name, value in asdict(letter).items()}
    if not reveal:
        told["fromNumber"] = masked(letter.from_number)
        del told["messageId"]
    return told


def details(letter: DeadLetter, payload: Payload, *, reveal: bool) -> dict[str, Any]:
    """One dead letter with what it holds: the event itself only when `reveal` is set."""
    told = as_dict(letter, reveal=reveal)
    told["bytes"] = len(payload.body)
    told["errorStack"] = payload.error_stack
    if reveal:
        told["payload"] = payload.payload
    return told


async def listed(
    conn: Connection, now: datetime, selection: Selection, states: Sequence[State], at_most: int
) -> tuple[list[DeadLetter], datetime]:
    """The newest, and the database's time."""
    return await on_call.dead_letters(conn, selection, states=states, now=now, at_most=at_most), now


async def find(conn: Connection, dead_letter: UUID, now: datetime) -> tuple[DeadLetter, Payload]:
    """TroubleError where it does not exist (any more)."""
    found = await on_call.dead_letters(conn, Selection(ids=[dead_letter]), states=list(State), now=now, at_most=1)
    payload = await on_call.payload(conn, dead_letter)
    if not found or payload is None:
        raise TroubleError(f"there is no dead letter {dead_letter}. Delivered ones are deleted after their retention.")
    return found[0], payload


async def retry(
    conn: Connection, selection: Selection, *, abandoned_only: bool, now: datetime
) -> tuple[list[Requeued], datetime]:
    """Make all of them due again and record who did it, in job_runs; with the moment that they are due at."""
    requeued: list[Requeued] = []
    while batch := await on_call.requeue(conn, selection, abandoned_only=abandoned_only, now=now):
        requeued += batch
    result = {
        "success": True,
        "requeued": len(requeued),
        "by": _user(),
        "route": selection.route,
        "since": iso(selection.since),
        "until": iso(selection.until),
        "abandonedOnly": abandoned_only,
        "ids": [str(letter.id) for letter in requeued[:100]],
    }
    await on_call.record_requeue(conn, result=result, now=now)
    return requeued, now


def emit(log: EventLog, requeued: Sequence[Requeued], now: datetime) -> None:
    """One event for each."""
    for letter in requeued:
        log.emit(
            EventName.DLQ_MESSAGE_RETRY_SCHEDULED,
            correlation_id=letter.correlation_id,
            request_id=letter.request_id,
            sender=letter.from_number,
            message_id=letter.message_id,
            at=now,
            deadLetter=str(letter.id),
            route=letter.route,
            retry=0,
            nextRetryAt=iso(now),
            by="dlq retry",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container's user without a name


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
