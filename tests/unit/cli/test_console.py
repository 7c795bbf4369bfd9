"""Lines for the person at the terminal."""

import io
import re

from webhookcore_cli.local.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_line_tells_the_time_and_who_speaks() -> None:
    """Without colours where it goes to a file."""
    out = io.StringIO()
    Console(out).say("router", "ready")
    assert re.fullmatch(r"\d\d:\d\d:\d\d router {15}ready\n", out.getvalue())


def test_a_terminal_gets_colours() -> None:
    """Escape sequences around the time and the name."""
    out = Terminal()
    Console(out).say("router", "ready")
    assert out.getvalue().count("\x1b[") >= 4


def test_a_reader_that_has_gone_away_ends_nothing() -> None:
    """`make run | head` goes on."""
    Console(Gone()).write("text")
