"""What the demo shows at its end: where everything went and why, what failed and came back, and the checks."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.brief import brief
from demo.checks import Check
from demo.totals import OfService, Totals

_MOST_MISMATCHES: Final = 20
_NUMBER: Final = re.compile(r"[\d.]+( m?s)?|none")


def show(console: Console, totals: Totals, checks: Sequence[Check], seconds: float) -> None:
    """Tables for a person; colours where there is a terminal."""
    _table(
        console,
        "What was routed where, and why",
        ("route", "events", "why"),
        [
            (route, str(sum(reasons.values())), ", ".join(f"{why} {n}" for why, n in reasons.most_common()))
            for route, reasons in totals.routed.items()
        ],
    )
    _table(
        console,
        "What the services received",
        ("service", "requests", "taken", "unique", "repeats told", "highest X-WA-Attempt", "held back > 1 s"),
        [(name, *map(str, _of_service(each))) for name, each in totals.services.items()],
    )
    _table(
        console,
        "While a service was away: the median time from acceptance to arrival at the others",
        ("service", "what it did", "for", "others meanwhile", "others at other times"),
        [
            (each.service, each.how, f"{each.seconds:.1f} s", _ms(each.others_then), _ms(each.others_else))
            for each in totals.outages
        ],
    )
    _table(
        console,
        "What went to the dead letter queue, and what became of it",
        ("route", "why", "dead letters", "came back", "abandoned"),
        [
            (route, code, str(each.letters), str(each.came_back), str(each.abandoned))
            for (route, code), each in totals.dead_letters.items()
        ],
    )
    _table(
        console,
        "Who wrote more than a minute allows",
        ("sender", "messages", "delayed", "longest delay"),
        [(who, str(each.messages), str(each.delayed), f"{each.longest:.1f} s") for who, each in totals.delayed.items()],
    )
    _table(
        console,
        "What the person on call and the jobs ran",
        ("when", "webhookcore …", "exit", "result"),
        [(run.clock, run.command, str(run.code), brief(run.result)) for run in totals.runs],
    )
    if totals.cleanup:
        _table(
            console,
            "What the clean-up removed (made old by SQL)",
            ("what", "old", "removed"),
            [(kind, str(old), str(removed)) for kind, (old, removed) in totals.cleanup.items()],
        )
    console.print(f"{totals.menus} home menus were sent to {totals.menu_readers} people.\n")
    console.print(Text(totals.balance, style="bold"), soft_wrap=True)
    console.print()
    _checks(console, checks)
    wrong = sum(len(check.mismatches) for check in checks)
    ending = f"{wrong} mismatches" if wrong else f"All came out right: {len(checks)} checks"
    console.print(Text(f"{ending}, {seconds:.0f} s.", style="bold red" if wrong else "bold green"))


def _checks(console: Console, checks: Sequence[Check]) -> None:
    for check in checks:
        mark = Text("✗", style="red") if check.mismatches else Text("✓", style="green")
        console.print(Text.assemble(mark, f" {check.title} ({check.looked_at})"), soft_wrap=True)
        for mismatch in check.mismatches[:_MOST_MISMATCHES]:
            console.print(Text(f"    {mismatch}", style="red"), soft_wrap=True)
        if (more := len(check.mismatches) - _MOST_MISMATCHES) > 0:
            console.print(Text(f"    and {more} more", style="red"))
    console.print()


def _table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Numbers to the right; nothing where there is no row."""
    rows = list(rows)
    if not rows:
        return
    console.print(Text(title, style="bold"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, cell in zip(columns, rows[0], strict=True):
        table.add_column(column, justify="right" if _NUMBER.fullmatch(cell) else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _of_service(each: OfService) -> tuple[int, ...]:
    return each.requests, each.taken, each.unique, each.repeats, each.highest_attempt, each.held_back


def _ms(milliseconds: float | None) -> str:
    return "none" if milliseconds is None else f"{milliseconds:.0f} ms"


def as_dict(totals: Totals, checks: Sequence[Check], seconds: float) -> dict[str, Any]:
    """The same for a program."""
    return {
        "ok": not any(check.mismatches for check in checks),
        "seconds": round(seconds, 1),
        **totals.as_dict(),
        "checks": [
            {"title": check.title, "lookedAt": check.looked_at, "mismatches": list(check.mismatches)}
            for check in checks
        ],
    }
