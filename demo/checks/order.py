"""The order inside a lane: one sender's events for one service."""

from collections.abc import Iterator
from itertools import pairwise

from demo.checks.check import Check
from demo.checks.ledger import Entry, Ledger


def lanes(ledger: Ledger) -> dict[tuple[str, str], list[Entry]]:
    """By sender and route, each in the order in which its events were accepted."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in ledger.entries:
        if entry.item.lane_of and entry.receipts:
            found.setdefault((entry.item.lane_of, str(entry.expected.route)), []).append(entry)
    return found


def in_order(ledger: Ledger) -> Check:
    """A dead letter steps out of its lane: it may come later than what was accepted after it."""
    in_lane = [
        [(entry, entry.done[0]) for entry in lane if entry.done and entry.letter is None]
        for lane in lanes(ledger).values()
    ]
    return Check.of(
        "each sender's events reached a service in the order in which they were accepted",
        len([lane for lane in in_lane if lane]),
        (
            f"{later.name}: reached {second.service} before {earlier.name}"
            for lane in in_lane
            for (earlier, first), (later, second) in pairwise(lane)
            if second.began < first.began
        ),
    )


def one_at_a_time(ledger: Ledger) -> Check:
    """Not even a dead letter's redelivery overlaps with its lane."""
    by_lane = lanes(ledger)
    return Check.of(
        "no service had two events of one sender in its hands at a time",
        len(by_lane),
        (problem for lane in by_lane.values() for problem in _overlaps(lane)),
    )


def _overlaps(lane: list[Entry]) -> Iterator[str]:
    # A request that its caller gave up on may still lie in a service that hangs: nobody outside can tell.
    known = [(receipt, entry) for entry in lane if not entry.outcome_unknown for receipt in entry.receipts]
    known = [(receipt, entry) for receipt, entry in known if receipt.ended is not None]
    known.sort(key=lambda each: each[0].began)
    for (first, earlier), (second, later) in pairwise(known):
        if first.ended is not None and second.began < first.ended:
            yield f"{later.name}: reached {second.service} while it still worked on {earlier.name}"
