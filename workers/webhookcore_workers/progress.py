"""Progress for a person who watches: one line on stderr, only where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from webhookcore_workers.tally import Tally


@contextmanager
def shown(total: int, stream: TextIO | None = None) -> Iterator[Callable[[Tally], None]]:
    """A bar over so many dead letters (more may come due meanwhile); what it yields takes the tally so far."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda _tally: None
        return
    columns = (
        TextColumn("redelivering"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    # Events go above the bar where both are on the terminal, and to stdout where that is a file or a pipe.
    console, above = Console(file=stream), sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=above, redirect_stderr=above) as progress:
        task = progress.add_task("redelivering", total=total, counts="")

        def update(tally: Tally) -> None:
            done = tally.processed + tally.parked + tally.lost
            counts = f"{tally.successful} delivered, {tally.failed} failed, {tally.parked} parked"
            progress.update(task, completed=done, total=max(total, done), counts=counts)

        yield update
