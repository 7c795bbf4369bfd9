"""How a figure is judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench import result


@pytest.mark.parametrize(("value", "met"), [(30.0, True), (29.9, False), (45.0, True)])
def test_more_is_better(value: float, met: bool) -> None:
    """A ratio of at least the target meets it."""
    found = result.ratio_at_least("a", value, "req/s", 100.0, 0.3)
    assert (found.ratio, found.target, found.met) == (value / 100, "≥ 0.3 x", met)


@pytest.mark.parametrize(("value", "met"), [(110.0, True), (110.1, False), (90.0, True)])
def test_less_is_better(value: float, met: bool) -> None:
    """A ratio of at most the target meets it."""
    found = result.ratio_at_most("a", value, "ms", 100.0, 1.1)
    assert (found.ratio, found.target, found.met) == (value / 100, "≤ 1.1 x", met)


@pytest.mark.parametrize(("value", "met"), [(2.0, True), (6.0, True), (6.1, False)])
def test_a_small_difference_does_not_count(value: float, met: bool) -> None:
    """Six times a millisecond is within five milliseconds of it."""
    found = result.ratio_at_most("a", value, "ms", 1.0, 1.1, or_more=5)
    assert (found.target, found.met) == ("≤ 1.1 x or + 5 ms", met)


def test_a_value_of_its_own_and_one_that_is_only_shown() -> None:
    """Without a baseline there is no ratio; without a target nothing is met or missed."""
    assert result.at_most("a", 50, "ms", 50).met is True
    assert result.at_most("a", 51, "ms", 50).met is False
    only_shown = result.shown("a", 3, "ms")
    assert (only_shown.baseline, only_shown.ratio, only_shown.target, only_shown.met) == (None, None, "", None)


@given(samples=st.lists(st.floats(0, 1e6), min_size=1), share=st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_percentile(samples: list[float], share: float) -> None:
    """It is one of the samples; at least that share of all does not exceed it, and a smaller one would not do."""
    found = result.percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


def test_percentile_of_a_hundred() -> None:
    """The 99th of 1 to 100 is 99."""
    assert result.percentile(list(range(1, 101)), 0.99) == 99
    with pytest.raises(ValueError, match="no samples"):
        result.percentile([], 0.5)
