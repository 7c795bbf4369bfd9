"""What the person at the terminal sees while the demo runs: a line for each thing that happens, and a bar."""

import os
import sys
from io import TextIOWrapper
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

WITHOUT_TERMINAL: Final = 110
"""Columns where nobody says how many there are."""


class Screen:
    """`quiet`: progress goes to stderr, since stdout is for a result that a program reads."""

    def __init__(self, *, quiet: bool = False) -> None:
        out = sys.stderr if quiet else sys.stdout
        if isinstance(out, TextIOWrapper):
            # A terminal of another century shows a question mark, and loses no result for want of a tick.
            out.reconfigure(errors="replace")
        width = None if out.isatty() or "COLUMNS" in os.environ else WITHOUT_TERMINAL
        self.console = Console(file=out, width=width, highlight=False)
        self._progress = Progress(
            TextColumn("{task.fields[clock]}", style="bold"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("notifications  {task.description}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._bar = self._progress.add_task("", clock="     ", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, when: str, text: str) -> None:
        """One thing that happened, at a time of the day."""
        line = Text.assemble((f"{when:>5}  ", "bold"), text)
        self.console.print(line, soft_wrap=True)

    def shows(self, clock: str, posted: int, total: int) -> None:
        self._progress.update(self._bar, completed=posted, total=total, clock=clock, description="")

    def waits(self, for_what: str) -> None:
        self._progress.update(self._bar, description=for_what)
