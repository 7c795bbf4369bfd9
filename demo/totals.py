"""The day in numbers, counted from what was seen."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from demo.checks.ledger import Ledger
from demo.checks.rate import excesses
from demo.delays import Beside, beside, late
from demo.observed import Run
from webhookcore_cli.masking import masked

COUNTED: Final = "counted only"
_NOTICED_SECONDS: Final = 1.0
"""A message that arrived within that time was not delayed."""


@dataclass(slots=True)
class OfService:
    """What one service received. `repeats` are requests for an event that it had seen before."""

    requests: int = 0
    taken: int = 0
    unique: int = 0
    repeats: int = 0
    highest_attempt: int = 0
    held_back: int = 0
    """By a breaker or a rate limit; without what came back from the dead letter queue."""


@dataclass(slots=True)
class OfLetters:
    letters: int = 0
    came_back: int = 0
    abandoned: int = 0


@dataclass(slots=True)
class OfSender:
    """One sender who wrote more than a minute allows; the delay in seconds."""

    messages: int = 0
    delayed: int = 0
    longest: float = 0.0


@dataclass(slots=True)
class Totals:
    """Tables are in the order in which they are shown."""

    balance: str
    accepted: dict[str, int]
    routed: dict[str, Counter[str]] = field(default_factory=dict)
    services: dict[str, OfService] = field(default_factory=dict)
    dead_letters: dict[tuple[str, str], OfLetters] = field(default_factory=dict)
    delayed: dict[str, OfSender] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    cleanup: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By kind: how many were old, how many were removed."""
    outages: list[Beside] = field(default_factory=list)
    menus: int = 0
    menu_readers: int = 0

    @classmethod
    def of(cls, ledger: Ledger, per_minute: int) -> "Totals":
        observed = ledger.observed
        accepted = _accepted(ledger)
        balance = f"{sum(accepted.values())} events were accepted: " + ", ".join(
            f"{count} {what}" for what, count in accepted.items()
        )
        totals = cls(balance, accepted, _routed(ledger), runs=observed.runs)
        totals.services = _services(ledger)
        totals.dead_letters = _dead_letters(ledger)
        totals.outages = beside(ledger)
        totals.delayed = _delayed(ledger, per_minute)
        totals.menus, totals.menu_readers = len(observed.menus), len({menu.to for menu in observed.menus})
        if (cleanup := observed.cleanup) is not None:
            totals.cleanup = {kind: (old, cleanup.removed[kind]) for kind, old in cleanup.aged.items()}
        return totals

    def as_dict(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "routed": {route: dict(reasons) for route, reasons in self.routed.items()},
            "services": {name: asdict(each) for name, each in self.services.items()},
            "deadLetters": [
                {"route": route, "code": code, **asdict(each)} for (route, code), each in self.dead_letters.items()
            ],
            "delayed": {who: asdict(each) for who, each in self.delayed.items()},
            "runs": [asdict(run) for run in self.runs],
            "cleanup": {kind: {"old": old, "removed": removed} for kind, (old, removed) in self.cleanup.items()},
            "outages": [asdict(outage) for outage in self.outages],
            "menus": self.menus,
        }


def _accepted(ledger: Ledger) -> dict[str, int]:
    """What became of every accepted event; each is counted once, so that the sum is what Meta sent."""
    found = {"taken by their service": 0, "answered with a menu": 0, "repeats": 0, "counted only": 0, "abandoned": 0}
    lost = 0
    for entry in ledger.entries:
        if entry.expected.is_repeat:
            found["repeats"] += 1
        elif entry.expected.route is None:
            found["counted only"] += 1
        elif entry.letter is not None and entry.letter.abandoned:
            found["abandoned"] += 1
        elif entry.is_menu:
            found["answered with a menu"] += 1
        elif entry.done:
            found["taken by their service"] += 1
        else:
            lost += 1
    return found | ({"LOST": lost} if lost else {})


def _routed(ledger: Ledger) -> dict[str, Counter[str]]:
    """As the routers decided, the busiest first."""
    routed: dict[str, Counter[str]] = {}
    for verdicts in ledger.observed.verdicts.values():
        for verdict in verdicts:
            routed.setdefault(verdict.route or COUNTED, Counter())[verdict.reason] += 1
    return dict(sorted(routed.items(), key=lambda each: -each[1].total()))


def _services(ledger: Ledger) -> dict[str, OfService]:
    services: dict[str, OfService] = {}
    seen: set[tuple[str, str]] = set()
    for receipt in ledger.observed.receipts:
        each = services.setdefault(receipt.service, OfService())
        each.requests += 1
        each.taken += receipt.done
        each.highest_attempt = max(each.highest_attempt, receipt.attempt)
        again = (receipt.service, receipt.key) in seen
        each.repeats += again
        each.unique += not again
        seen.add((receipt.service, receipt.key))
    for service, count in late(ledger).items():
        services[service].held_back = count
    return dict(sorted(services.items()))


def _dead_letters(ledger: Ledger) -> dict[tuple[str, str], OfLetters]:
    found: dict[tuple[str, str], OfLetters] = {}
    for letter in ledger.observed.letters:
        each = found.setdefault((letter.route, letter.code), OfLetters())
        each.letters += 1
        each.came_back += letter.processed
        each.abandoned += letter.abandoned
    return dict(sorted(found.items()))


def _delayed(ledger: Ledger, per_minute: int) -> dict[str, OfSender]:
    of_sender: dict[str, OfSender] = {}
    for excess in excesses(ledger, per_minute):
        each = of_sender.setdefault(masked(excess.sender), OfSender(messages=per_minute))
        each.messages += 1
        waited = excess.arrived - excess.accepted
        each.delayed += waited > _NOTICED_SECONDS
        each.longest = max(each.longest, waited)
    return of_sender
