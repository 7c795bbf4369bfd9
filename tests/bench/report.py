"""What a run found: kept as JSON, shown as a table, and written into docs/benchmarks.md."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from tests.bench.result import Result

LATEST: Final = Path(__file__).parent / "results" / "latest.json"
PAGE: Final = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_BEGIN: Final = "<!-- figures: made by `make bench` -->\n"
_END: Final = "<!-- end of figures -->\n"
_HEADINGS: Final = ("figure", "value", "baseline", "ratio", "target", "met")


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run."""

    machine: dict[str, Any]
    date: str
    figures: Sequence[Result]

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Run":
        read = json.loads(text)
        return cls(read["machine"], read["date"], [Result(**figure) for figure in read["figures"]])


def table(figures: Sequence[Result]) -> Table:
    """For a terminal."""
    shown = Table()
    for heading in _HEADINGS:
        shown.add_column(heading, justify="left" if heading in ("figure", "target") else "right")
    for figure in figures:
        style = "red" if figure.met is False else ""
        shown.add_row(*_cells(figure), style=style)
    return shown


def page_part(run: Run) -> str:
    """What docs/benchmarks.md shows of a run, between its two marks."""
    machine = run.machine
    lines = [
        (
            f"Measured {run.date[:10]} on {machine['cores']} cores ({machine['cpu']}), {machine['memoryGiB']} GiB, "
            f"Linux {machine['kernel']}, Python {machine['python']}."
        ),
        "",
        f"| {' | '.join(_HEADINGS)} |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
        *(f"| {' | '.join(_cells(figure))} |" for figure in run.figures),
    ]
    return "\n".join(lines) + "\n"


def with_figures(page: str, run: Run) -> str:
    """The page with this run's figures in place of those that it shows."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{page_part(run)}\n{_END}{after}"


def number(value: float) -> str:
    """Three digits that count, more only for whole numbers."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(figure: Result) -> tuple[str, ...]:
    met = {True: "yes", False: "no", None: ""}[figure.met]
    return (
        figure.figure,
        f"{number(figure.value)} {figure.unit}",
        "" if figure.baseline is None else number(figure.baseline),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        figure.target,
        met,
    )
