"""The circuit breaker, and the window that trips it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.breaker import (
    CLOSED,
    BreakerState,
    Circuit,
    may_probe,
    open_again,
    parked_until,
    probed,
    probing,
)
from webhookcore.delivery.window import FEWEST, SECONDS, Window

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)
ME = UUID(int=1)
LEASE = timedelta(seconds=6)


def test_closed_lets_everything_through() -> None:
    """A closed breaker parks nothing and needs no probe."""
    assert parked_until(CLOSED, NOW) is None
    assert not may_probe(CLOSED, NOW)


def test_the_wait_doubles_up_to_a_minute() -> None:
    """5, 10, 20, 40, 60, 60, ... seconds, as long as probe after probe fails."""
    state, waits = CLOSED, []
    for _ in range(30):
        state = open_again(state, NOW)
        assert (state.state, state.opened_at, state.probe_owner) == (Circuit.OPEN, NOW, None)
        assert state.probe_at is not None
        waits.append((state.probe_at - NOW).total_seconds())
    assert waits == [5, 10, 20, 40] + [60] * 26
    assert state.failures == 30


def test_open_parks_until_its_wait_is_over() -> None:
    """Until then nothing is sent; from then on the next delivery may probe."""
    state = open_again(CLOSED, NOW)
    until = NOW + timedelta(seconds=5)
    almost = until - timedelta(microseconds=1)
    assert parked_until(state, almost) == until
    assert not may_probe(state, almost)
    assert parked_until(state, until) is None
    assert may_probe(state, until)


def test_one_probe_at_a_time() -> None:
    """While one probes, the others are parked; one that vanished is replaced after its time."""
    half = probing(open_again(CLOSED, NOW), ME, NOW, LEASE)
    assert (half.state, half.probe_owner, half.failures, half.opened_at) == (Circuit.HALF_OPEN, ME, 1, NOW)
    assert parked_until(half, NOW) == NOW + LEASE
    assert not may_probe(half, NOW)
    assert may_probe(half, NOW + LEASE)


def test_a_good_probe_closes_and_forgets() -> None:
    """After it the next opening waits 5 seconds again."""
    half = probing(open_again(open_again(CLOSED, NOW), NOW), ME, NOW, LEASE)
    assert probed(half, service_failed=False, now=NOW) == CLOSED


def test_a_bad_probe_opens_for_longer() -> None:
    """The wait counts from the probe's end."""
    half = probing(open_again(CLOSED, NOW), ME, NOW, LEASE)
    later = NOW + timedelta(seconds=4)
    assert probed(half, service_failed=True, now=later) == BreakerState(
        Circuit.OPEN, 2, later, later + timedelta(seconds=10)
    )


@pytest.mark.parametrize("state", [Circuit.OPEN, Circuit.HALF_OPEN])
def test_a_state_without_a_time_never_parks_for_ever(state: Circuit) -> None:
    """What the schema forbids would be probed at once."""
    assert may_probe(BreakerState(state), NOW)
    assert parked_until(BreakerState(state), NOW) is None


def recorded(outcomes: list[bool], now: float = 1000.0) -> Window:
    window = Window()
    for failed in outcomes:
        window.record(failed=failed, now=now)
    return window


@pytest.mark.parametrize(
    ("failed", "good", "trips"),
    [(19, 0, False), (20, 0, True), (10, 10, True), (10, 11, False), (9, 11, False), (500, 500, True), (0, 20, False)],
)
def test_half_of_at_least_twenty(failed: int, good: int, trips: bool) -> None:
    """At least 20 deliveries, at least half of them failed."""
    assert recorded([True] * failed + [False] * good).tripped(1000.0) is trips


def test_what_is_old_counts_no_more() -> None:
    """After 30 seconds a delivery has left the window."""
    window = recorded([True] * 20, now=1000.5)
    assert window.tripped(1000.9 + SECONDS - 1)
    assert not window.tripped(1000.0 + SECONDS)
    window.record(failed=True, now=1000.0 + SECONDS)
    assert not window.tripped(1000.0 + SECONDS)


def test_a_cleared_window_starts_anew() -> None:
    """After an opening or a closing, what was before says nothing."""
    window = recorded([True] * 100)
    window.clear()
    assert not window.tripped(1000.0)
    for _ in range(FEWEST):
        window.record(failed=True, now=1000.0)
    assert window.tripped(1000.0)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=200),
    st.floats(0, 1e9),
    st.floats(0, 100),
)
def test_the_window_counts_as_a_plain_list_does(steps: list[tuple[float, bool]], start: float, after: float) -> None:
    """Whatever comes when: the same as counting the outcomes of the last 30 whole seconds."""
    window, log, now = Window(), [], start
    for step, failed in steps:
        now += step
        window.record(failed=failed, now=now)
        log.append((int(now), failed))
    now += after
    recent = [failed for second, failed in log if second > int(now) - SECONDS]
    assert window.tripped(now) is (len(recent) >= FEWEST and sum(recent) * 2 >= len(recent))
