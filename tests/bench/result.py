"""A figure's result: its value, the baseline of the same run, their ratio, and whether it reaches its target. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table, and one object of results/latest.json."""

    figure: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    target: str
    """Empty for what is only shown."""
    met: bool | None
    """None exactly when there is no target."""


def shown(figure: str, value: float, unit: str, baseline: float | None = None) -> Result:
    """Has no target."""
    return Result(figure, value, unit, baseline, _ratio(value, baseline), "", None)


def at_most(figure: str, value: float, unit: str, most: float) -> Result:
    """Judged by itself."""
    return Result(figure, value, unit, None, None, f"≤ {most:g} {unit}", value <= most)


def ratio_at_least(figure: str, value: float, unit: str, baseline: float, least: float) -> Result:
    """More is better."""
    ratio = value / baseline
    return Result(figure, value, unit, baseline, ratio, f"≥ {least:g} x", ratio >= least)


def ratio_at_most(
    figure: str, value: float, unit: str, baseline: float, most: float, *, or_more: float | None = None
) -> Result:
    """Less is better; `or_more`: a difference (in `unit`) that does not count, whatever the ratio."""
    ratio = value / baseline
    target = f"≤ {most:g} x" + (f" or + {or_more:g} {unit}" if or_more is not None else "")
    met = ratio <= most or (or_more is not None and value - baseline <= or_more)
    return Result(figure, value, unit, baseline, ratio, target, met)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of all do not exceed."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return ordered[max(0, min(len(ordered) - 1, -int(-len(ordered) * share // 1) - 1))]


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def _ratio(value: float, baseline: float | None) -> float | None:
    return None if baseline is None else value / baseline
