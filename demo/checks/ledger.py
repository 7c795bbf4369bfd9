"""The ledger: each event of the day with everything that was seen of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from demo.day import MENU, Expected, Notification
from demo.observed import Answer, Letter, Observed, Receipt
from demo.reading import Item, items

OUTCOME_UNKNOWN: Final = frozenset({"Timeout", "Network", "UnknownOutcome"})
"""Codes of a dead letter whose service may have done its work all the same."""


@dataclass(slots=True)
class Entry:
    """One event. A repeat has an entry of its own, which nothing may arrive for."""

    notification: Notification
    item: Item
    expected: Expected
    receipts: list[Receipt] = field(default_factory=list)
    letter: Letter | None = None

    @property
    def name(self) -> str:
        """What a mismatch calls it."""
        return f"line {self.notification.number} ({self.notification.clock}, {self.notification.note[:60]})"

    @property
    def done(self) -> list[Receipt]:
        return [receipt for receipt in self.receipts if receipt.done]

    @property
    def is_menu(self) -> bool:
        return self.expected.route == MENU and not self.expected.is_repeat

    @property
    def outcome_unknown(self) -> bool:
        """Whether the system knows that it does not know if this was delivered the first time."""
        return self.letter is not None and self.letter.code in OUTCOME_UNKNOWN


@dataclass(slots=True)
class Ledger:
    """`strays` are requests that belong to no event of the day, or that hold none or several."""

    day: Sequence[Notification]
    observed: Observed
    answers: dict[int, Answer]
    """By the notification's number."""
    entries: list[Entry]
    """In the order of acceptance, as far as one sender's go."""
    by_notification: dict[int, list[Entry]]
    strays: list[Receipt]

    @classmethod
    def of(cls, day: Sequence[Notification], observed: Observed) -> "Ledger":
        entries: list[Entry] = []
        by_notification: dict[int, list[Entry]] = {}
        for notification in day:
            if notification.signed_by == "meta":
                read = items(notification.body)
                own = [Entry(notification, *pair) for pair in zip(read, notification.expected, strict=True)]
                by_notification[notification.number] = own
                entries += own
        first = {entry.item.identity: entry for entry in entries if not entry.expected.is_repeat}
        strays = [receipt for receipt in observed.receipts if not _filed(receipt, first)]
        _file_letters(observed.letters, entries)
        answers = {answer.number: answer for answer in observed.answers}
        return cls(day, observed, answers, entries, by_notification, strays)

    @property
    def to_deliver(self) -> list[Entry]:
        """What services must have got in the end."""
        return [entry for entry in self.entries if entry.expected.to_deliver and not entry.is_menu]

    @property
    def menus(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.is_menu]


def _filed(receipt: Receipt, first: dict[str, Entry]) -> bool:
    try:
        (item,) = items(receipt.body)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    entry = first.get(item.identity)
    if entry is not None:
        entry.receipts.append(receipt)
    return entry is not None


def _file_letters(letters: Sequence[Letter], entries: Sequence[Entry]) -> None:
    """By a message's id; by the key under which a service got it for what has none."""
    of_key = {letter.key: letter for letter in letters}
    for entry in entries:
        if not entry.expected.is_repeat:
            keys = [entry.item.message_id or "", *(receipt.key for receipt in entry.receipts)]
            entry.letter = next((of_key[key] for key in keys if key in of_key), None)
