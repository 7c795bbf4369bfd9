"""What is kept of a run, and that the page shows it."""

import pytest
from tests.bench import result
from tests.bench.figures import FIGURES
from tests.bench.report import LATEST, PAGE, Run, number, page_part, with_figures

RUN = Run(
    {"cores": 2, "cpu": "a CPU", "memoryGiB": 7.8, "kernel": "6.1", "python": "3.11.7"},
    "2025-11-24T19:00:00+00:00",
    [result.ratio_at_least("acks", 6000, "req/s", 18000, 0.3), result.shown("p50", 4.25, "ms")],
)


def test_a_run_is_read_back_as_it_was_kept() -> None:
    """results/latest.json loses nothing."""
    assert Run.from_json(RUN.as_json()) == RUN


def test_the_page_shows_the_latest_run() -> None:
    """docs/benchmarks.md and results/latest.json say the same."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_figures(page, Run.from_json(LATEST.read_text(encoding="utf-8"))) == page


def test_the_latest_run_is_whole() -> None:
    """Each object has the keys that were promised, and no figure is left out."""
    latest = Run.from_json(LATEST.read_text(encoding="utf-8"))
    assert set(latest.machine) == {"cores", "cpu", "memoryGiB", "kernel", "python"}
    assert len(latest.figures) >= len(FIGURES)
    assert all(figure.met is None or figure.target for figure in latest.figures)


def test_a_page_gets_new_figures_in_the_old_ones_place() -> None:
    """What stands around them stays."""
    page = "before\n<!-- figures: made by `make bench` -->\nold\n<!-- end of figures -->\nafter\n"
    made = with_figures(page, RUN)
    assert made.startswith("before\n<!-- figures")
    assert made.endswith("<!-- end of figures -->\nafter\n")
    assert page_part(RUN) in made
    assert "old" not in made
    assert with_figures(made, RUN) == made
    assert "| acks | 6,000 req/s | 18,000 | 0.33 | ≥ 0.3 x | yes |" in made
    assert "| p50 | 4.25 ms |  |  |  |  |" in made


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (4.25, "4.25"), (12.34, "12.3"), (99.96, "100.0"), (6543.2, "6,543")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Three digits say enough."""
    assert number(value) == text
