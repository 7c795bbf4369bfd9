"""What is left when all is over: an empty inbox, dead letters settled, jobs whose numbers add up, a tidy database."""

from collections.abc import Iterator
from typing import Final

from demo.checks.check import Check
from demo.checks.ledger import Entry, Ledger

_UNKNOWN: Final = "UnknownOutcome"
_CALLED: Final = {"sessions": "sessions", "processed": "dlq", "abandoned": "abandoned"}
"""What was aged, by what session-cleanup's result calls it."""


def nothing_left(ledger: Ledger) -> Check:
    return Check.of(
        "nothing is left in the inbox, every dead letter was delivered or abandoned, the routers ended well",
        len(ledger.observed.letters),
        _left(ledger),
    )


def _left(ledger: Ledger) -> Iterator[str]:
    for route, count in ledger.observed.left.items():
        yield f"{count} events still wait in the inbox for {route}"
    for letter in ledger.observed.letters:
        if not letter.processed and not letter.abandoned:
            yield f"a dead letter of {letter.route} is not settled: {letter.code}, {letter.detail}"
    for number, code in enumerate(ledger.observed.router_exits, 1):
        if code != 0:
            yield f"router {number} ended with {code}, expected 0"


def abandoned(ledger: Ledger) -> Check:
    """What a service never takes is given up, and nothing else is."""
    poison = [entry for entry in ledger.entries if entry.expected.abandoned]
    return Check.of(
        "what its service never takes was abandoned, and nothing else",
        len(poison),
        (problem for entry in ledger.entries for problem in _wrongly(entry)),
    )


def _wrongly(entry: Entry) -> Iterator[str]:
    letter = entry.letter
    is_abandoned = letter is not None and letter.abandoned
    if entry.expected.abandoned:
        if entry.done:
            yield f"{entry.name}: {entry.expected.route} took it, though it never should"
        if not is_abandoned:
            yield f"{entry.name}: expected to be abandoned, and is not"
    elif letter is not None and is_abandoned and not (entry.is_menu and letter.code == _UNKNOWN):
        yield f"{entry.name}: abandoned ({letter.code}: {letter.detail}), expected to be delivered"


def jobs_agree(ledger: Ledger) -> Check:
    """What the runs of dlq-processor say they did is what the services and the database show."""
    return Check.of(
        "every command ended with 0, and the jobs' numbers add up to what the dead letter queue shows",
        len(ledger.observed.runs),
        _disagreements(ledger),
    )


def _disagreements(ledger: Ledger) -> Iterator[str]:
    observed = ledger.observed
    for run in observed.runs:
        if run.code != 0:
            yield f"webhookcore {run.command} at {run.clock} ended with {run.code}"
    results = [run.result for run in observed.runs if run.command == "dlq-processor"]
    told = sum(result.get("successful", 0) for result in results)
    shown = sum(letter.processed for letter in observed.letters)
    if told != shown:
        yield f"dlq-processor says that {told} dead letters were delivered, the queue shows {shown}"
    for result in results:
        if result.get("processed") != result.get("successful", 0) + result.get("failed", 0):
            yield f"dlq-processor's own numbers do not add up: {dict(result)}"


def cleaned(ledger: Ledger) -> Check:
    cleanup = ledger.observed.cleanup
    if cleanup is None:
        return Check.of("session-cleanup removed what was old", 0, ["session-cleanup never ran"])
    problems = [
        f"{cleanup.aged[kind]} {kind} were old, {cleanup.removed[kind]} were removed"
        for kind in cleanup.aged
        if cleanup.aged[kind] != cleanup.removed[kind]
    ]
    for kind, name in _CALLED.items():
        told = cleanup.run.result.get(name, {}).get("deleted")
        if told != cleanup.removed[kind]:
            problems.append(f"session-cleanup says {told} {kind}, {cleanup.removed[kind]} are gone")
    return Check.of("session-cleanup removed exactly what was old", sum(cleanup.aged.values()), problems)
