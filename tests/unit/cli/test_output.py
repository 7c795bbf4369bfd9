"""Tables for the person at the terminal."""

import pytest
from rich.console import Console

from webhookcore_cli import output

ID = "0b7c2a9e-4f0e-4c5e-9b5c-0d8f7f9f3a11"
COLUMNS = ("ID", "Route", "Result", "Words")
ROW = (ID, "wa-webhook-insurance", "[bold]no markup[/bold]", "one two three four five six seven eight nine ten")


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, **how: bool) -> list[str]:
    """The lines of the row in a terminal of so many columns."""
    monkeypatch.setattr(output, "console", Console(width=width, highlight=False))
    output.print_table(COLUMNS, [ROW], **how)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()][2:]


def test_a_wide_terminal_shows_a_row_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is: what looks like markup too."""
    assert shown(monkeypatch, capsys, 160) == ["   ".join(ROW).join((" ", ""))]


def test_a_narrow_terminal_folds_all_but_the_first_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is cut: a name or an ID is there to be typed or copied."""
    lines = shown(monkeypatch, capsys, 80)
    assert max(map(len, lines)) <= 80
    assert ID in lines[0]
    assert "…" not in "".join(lines)
    assert "insurance" in "".join(lines)


def test_what_is_to_be_copied_is_not_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal breaks the line."""
    assert shown(monkeypatch, capsys, 80, fold=False) == shown(monkeypatch, capsys, 160)
