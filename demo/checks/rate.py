"""The rate limit: whoever writes more than a minute allows is heard in order, at that rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from demo.checks.check import Check
from demo.checks.ledger import Entry, Ledger
from demo.observed import received_at

_TOLERANCE_SECONDS: Final = 0.25
"""Between the database's clock and ours."""


@dataclass(frozen=True, slots=True)
class Excess:
    """One sender's messages above the limit: the entry, when it arrived, and no earlier than when it may have."""

    sender: str
    entry: Entry
    arrived: float
    accepted: float
    earliest: float


def excesses(ledger: Ledger, per_minute: int) -> list[Excess]:
    """Of senders whose messages within the recording are more than a minute allows at once."""
    of_sender: dict[str, list[Entry]] = {}
    for entry in ledger.entries:
        if entry.item.message_id is not None and not entry.expected.is_repeat:
            of_sender.setdefault(entry.item.lane_of, []).append(entry)
    return [
        excess
        for sender, entries in of_sender.items()
        if len(entries) > per_minute
        for excess in _of_sender(sender, entries, per_minute)
    ]


def _of_sender(sender: str, entries: list[Entry], per_minute: int) -> Iterator[Excess]:
    """The message after n others goes out no earlier than (n + 1 - per_minute) intervals after the first of them."""
    interval = 60 / per_minute
    began: float | None = None
    # Home menus do not tell when their message was accepted: it is counted from the first that does.
    told = entries[next((n for n, entry in enumerate(entries) if entry.receipts), len(entries)) :]
    for position, entry in enumerate(told):
        first = min(entry.receipts, key=lambda receipt: receipt.began, default=None)
        accepted = received_at(first) if first else None
        began = accepted if began is None else began
        if first and accepted and began and position >= per_minute:
            yield Excess(sender, entry, first.began, accepted, began + (position + 1 - per_minute) * interval)


def kept(ledger: Ledger, per_minute: int) -> Check:
    found = excesses(ledger, per_minute)
    return Check.of(
        f"nobody was heard faster than {per_minute} messages a minute",
        len(found),
        (
            f"{excess.entry.name}: arrived {excess.earliest - excess.arrived:.1f} s too early for the rate limit"
            for excess in found
            if excess.arrived < excess.earliest - _TOLERANCE_SECONDS
        ),
    )
