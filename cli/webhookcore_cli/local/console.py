"""What the local mode says to the person at the terminal: one line each, with the time and who speaks."""

import sys
from datetime import datetime
from typing import Final, TextIO

import typer

_COLORS: Final = {"run": None, "whatsapp": "green", "router": "cyan", "postgres": "blue", "error": "red"}
_WIDTH: Final = 20


class Console:
    """Writes to stdout. Colours and padding are for people: without a terminal there are no colours."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out if out is not None else sys.stdout
        self._colors = self._out.isatty()

    def say(self, who: str, text: str) -> None:
        """A line of `who` (a service's name, a job's, a part's)."""
        clock = datetime.now().astimezone().strftime("%H:%M:%S")
        self.write(f"{self._paint(clock, 'bright_black')} {self._paint(who.ljust(_WIDTH), self._color(who))} {text}")

    def write(self, text: str) -> None:
        """Text as it is. A reader that has gone away (`make run | head`, a closed window) is no reason to stop."""
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError:
            pass

    def _color(self, who: str) -> str | None:
        return _COLORS.get(who, "magenta")

    def _paint(self, text: str, color: str | None) -> str:
        return typer.style(text, fg=color) if self._colors and color else text
