"""What the routers answered to Meta, and what they say they decided."""

import re
from collections.abc import Iterator
from typing import Final

from demo.checks.check import Check
from demo.checks.ledger import Ledger
from demo.day import Expected
from demo.observed import Verdict

_LATENCY: Final = re.compile(r"\d+ms")
_NOWHERE: Final = "none"
_OK: Final = 200
_UNAUTHORIZED: Final = 401


def accepted(ledger: Ledger) -> Check:
    return Check.of(
        "every notification of Meta's was answered 200, with its ids and the right number of events",
        len(ledger.by_notification),
        _not_accepted(ledger),
    )


def _not_accepted(ledger: Ledger) -> Iterator[str]:
    for number, entries in ledger.by_notification.items():
        answer, name = ledger.answers.get(number), entries[0].name
        if answer is None or answer.status != _OK:
            yield f"{name}: answered {answer.status if answer else 'not at all'}, expected 200"
            continue
        counted = answer.headers.get("x-event-count")
        if counted != str(len(entries)):
            yield f"{name}: holds {len(entries)} events, X-Event-Count says {counted}"
        for header in ("x-request-id", "x-correlation-id"):
            if not answer.headers.get(header):
                yield f"{name}: the answer has no {header}"
        if not _LATENCY.fullmatch(answer.headers.get("x-wa-core-latency", "")):
            yield f"{name}: X-WA-Core-Latency is {answer.headers.get('x-wa-core-latency')!r}"


def refused(ledger: Ledger) -> Check:
    """Nobody but Meta gets in."""
    strangers = [notification for notification in ledger.day if notification.signed_by != "meta"]
    got = {notification.number: ledger.answers.get(notification.number) for notification in strangers}
    return Check.of(
        "whoever was not Meta was answered 401",
        len(strangers),
        (
            f"line {number}: answered {answer.status if answer else 'not at all'}, expected 401"
            for number, answer in got.items()
            if answer is None or answer.status != _UNAUTHORIZED
        ),
    )


def decided(ledger: Ledger) -> Check:
    return Check.of(
        "every event was routed where a reader expects it, for the reason a reader expects; repeats as duplicates",
        len(ledger.entries),
        _decided_otherwise(ledger),
    )


def _decided_otherwise(ledger: Ledger) -> Iterator[str]:
    for number, entries in ledger.by_notification.items():
        answer = ledger.answers.get(number)
        if answer is None:
            continue  # told above
        found = ledger.observed.verdicts.get(answer.headers.get("x-request-id", ""), [])
        if len(found) != len(entries):
            yield f"{entries[0].name}: {len(entries)} events, {len(found)} decisions in the routers' logs"
        for entry, verdict in zip(entries, found, strict=False):
            if (verdict.route, verdict.reason) != (entry.expected.route, entry.expected.reason):
                yield f"{entry.name}: expected {_said(entry.expected)}, decided {_said(verdict)}"
        first = entries[0].expected
        told = (answer.headers.get("x-routed-service"), answer.headers.get("x-routing-reason"))
        if told != (first.route or _NOWHERE, first.reason):
            yield f"{entries[0].name}: expected {_said(first)}, the answer says {told[0]} ({told[1]})"


def _said(decision: Expected | Verdict) -> str:
    return f"{decision.route or _NOWHERE} ({decision.reason})"
