"""What arrived at the services: each event once, told where it came again, to the byte, and nothing else."""

from collections.abc import Iterator

from demo.checks.check import Check
from demo.checks.ledger import Entry, Ledger
from demo.observed import Receipt
from demo.reading import items


def once(ledger: Ledger) -> Check:
    return Check.of(
        "every event that is to be delivered was taken by its service, under one Idempotency-Key",
        len(ledger.to_deliver),
        (problem for entry in ledger.to_deliver for problem in _not_once(entry)),
    )


def _not_once(entry: Entry) -> Iterator[str]:
    route = entry.expected.route
    if not entry.done:
        letter = f"; its dead letter says {entry.letter.code}" if entry.letter else ""
        yield f"{entry.name}: {route} never took it, after {len(entry.receipts)} requests{letter}"
    if elsewhere := sorted({receipt.service for receipt in entry.receipts} - {str(route)}):
        yield f"{entry.name}: expected at {route}, arrived at {', '.join(elsewhere)}"
    keys = {receipt.key for receipt in entry.receipts}
    if len(keys) > 1:
        yield f"{entry.name}: arrived under {len(keys)} Idempotency-Keys"
    if entry.item.message_id is not None and keys - {entry.item.message_id}:
        yield f"{entry.name}: Idempotency-Key is not the message's id"


def told_when_again(ledger: Ledger) -> Check:
    """X-WA-Attempt rises with every request: a service that sees a 1 has never seen the event."""
    several = [entry for entry in ledger.entries if len(entry.receipts) > 1]
    return Check.of(
        "whatever came again said so by X-WA-Attempt, and came again only where it was not known to be done",
        len(several),
        (problem for entry in several for problem in _untold(entry)),
    )


def _untold(entry: Entry) -> Iterator[str]:
    ordered = sorted(entry.receipts, key=lambda receipt: receipt.began)
    attempts = [receipt.attempt for receipt in ordered]
    if attempts != sorted(set(attempts)):
        yield f"{entry.name}: arrived with X-WA-Attempt {', '.join(map(str, attempts))}"
    if any(receipt.done for receipt in ordered[:-1]) and not entry.outcome_unknown:
        yield f"{entry.name}: {ordered[0].service} had taken it, and got it again"


def nothing_else(ledger: Ledger) -> Check:
    """Counted events, strangers' and old ones reach nobody, and two events never share a key."""
    return Check.of(
        "nothing else arrived: no counted event, no stranger's, none that nobody sent, no key twice",
        len(ledger.observed.receipts),
        _surplus(ledger),
    )


def _surplus(ledger: Ledger) -> Iterator[str]:
    for receipt in ledger.strays:
        yield f"{receipt.service} got a request that is no event of the day (Idempotency-Key {receipt.key})"
    owners: dict[str, Entry] = {}
    for entry in ledger.entries:
        if entry.receipts and (entry.expected.route is None or entry.is_menu):
            yield f"{entry.name}: not for a service, but arrived at {entry.receipts[0].service}"
        for key in {receipt.key for receipt in entry.receipts}:
            if owners.setdefault(key, entry) is not entry:
                yield f"{entry.name}: has the Idempotency-Key of {owners[key].name}"


def byte_for_byte(ledger: Ledger) -> Check:
    """A body that held one event arrives as it is; of a batch, each event arrives as it stood in it."""
    return Check.of(
        "every event arrived as Meta wrote it, to the byte where it came alone",
        len(ledger.to_deliver),
        (
            f"{entry.name}: {receipt.service} got another body than Meta sent"
            for entry in ledger.to_deliver
            for receipt in entry.receipts
            if not _same(ledger, entry, receipt)
        ),
    )


def _same(ledger: Ledger, entry: Entry, receipt: Receipt) -> bool:
    if len(ledger.by_notification[entry.notification.number]) == 1:
        return receipt.body == entry.notification.body
    (item,) = items(receipt.body)
    return item == entry.item
