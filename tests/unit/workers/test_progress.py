"""Progress is for terminals, and nothing else."""

import io

from webhookcore_workers.progress import shown
from webhookcore_workers.tally import Tally


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is() -> None:
    """Counts move; more than was due at the start is no error."""
    terminal = Terminal()
    with shown(2, terminal) as update:
        update(Tally(successful=2, failed=1))
    assert "2 delivered, 1 failed, 0 parked" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()


def test_a_file_sees_nothing() -> None:
    """Logs hold events and the result alone."""
    file = io.StringIO()
    with shown(2, file) as update:
        update(Tally(successful=2))
    assert file.getvalue() == ""
