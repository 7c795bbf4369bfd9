"""How commands show things to a person: tables and times, without colours where nobody looks."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160
NONE = "—"
"""In the place of what there is not, or what is not known."""
_WIDEST = 1000
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, fold: bool = True) -> None:
    """Values are shown as they are: square brackets in them are no markup. The first column is never broken.

    In a narrow terminal the others are folded; without `fold` the terminal breaks the lines, and all can be copied.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    if not fold:
        table.width = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.print(table, crop=fold)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names on the left, values on the right."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(value))
    console.print(table)


_UNITS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}


def moment(at: datetime | None) -> str:
    """UTC to the second, as logs write it; NONE for never."""
    return NONE if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def distance(at: datetime | None, now: datetime) -> str:
    """How far away a moment is, in the largest unit that fits."""
    if at is None:
        return NONE
    seconds = (at - now).total_seconds()
    amount, unit = next(
        (int(abs(seconds) / size), unit) for unit, size in _UNITS.items() if abs(seconds) >= size or size == 1
    )
    return f"in {amount} {unit}" if seconds > 0 else f"{amount} {unit} ago"


def iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
