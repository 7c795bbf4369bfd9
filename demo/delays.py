"""How long events took from acceptance to their service, and what kept those that took long."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

from demo.checks.ledger import Ledger
from demo.observed import Outage, Receipt, received_at

LATE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Beside:
    """An outage, and the median delay of the other services' events during it and at all other times; milliseconds."""

    service: str
    how: str
    seconds: float
    others_then: float | None
    others_else: float | None


def first_arrivals(ledger: Ledger) -> list[tuple[Receipt, float]]:
    """Each event's first request and its delay in seconds; dead letters left out, which come when they are sent."""
    found = []
    for entry in ledger.to_deliver:
        first = min(entry.receipts, key=lambda receipt: receipt.began, default=None)
        if first is not None and entry.letter is None and (accepted := received_at(first)) is not None:
            found.append((first, first.began - accepted))
    return found


def late(ledger: Ledger) -> dict[str, int]:
    """Events that were held back, by a breaker or a rate limit, and arrived later than a second; by service."""
    found: dict[str, int] = {}
    for receipt, delay in first_arrivals(ledger):
        found[receipt.service] = found.get(receipt.service, 0) + (delay > LATE_SECONDS)
    return found


def beside(ledger: Ledger) -> list[Beside]:
    """A service that is away slows no other."""
    arrivals = first_arrivals(ledger)
    return [_beside(outage, arrivals) for outage in ledger.observed.outages]


def _beside(outage: Outage, arrivals: Iterable[tuple[Receipt, float]]) -> Beside:
    then: list[float] = []
    other_times: list[float] = []
    for receipt, delay in arrivals:
        if receipt.service != outage.service and delay <= LATE_SECONDS:
            during = outage.began <= receipt.began - delay <= outage.ended
            (then if during else other_times).append(delay * 1000)
    return Beside(
        outage.service,
        outage.how,
        outage.ended - outage.began,
        median(then) if then else None,
        median(other_times) if other_times else None,
    )
