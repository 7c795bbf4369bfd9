"""The rate limit: a burst of a minute's worth at once, then the rate, and never out of order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.routing.ratelimit import Arrival, arrive

START = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)
GAPS = st.lists(st.integers(0, 20_000_000).map(lambda us: timedelta(microseconds=us)), min_size=1, max_size=200)
RATES = st.integers(1, 200) | st.sampled_from([7, 60, 999, 60_000])


def arrivals(gaps: list[timedelta], per_minute: int, *, keep: bool = True) -> list[tuple[datetime, Arrival]]:
    """Messages with these gaps between them; without `keep`, those above the limit leave the state as it was."""
    now, tat = START, None
    seen = []
    for gap in gaps:
        now += gap
        arrival = arrive(tat, now, per_minute)
        if keep or arrival.due_at == now:
            tat = arrival.tat
        seen.append((now, arrival))
    return seen


def test_a_minutes_worth_passes_at_once_and_the_next_waits() -> None:
    """30 a minute: the 31st of a burst is due two seconds later, the 32nd two more."""
    seen = arrivals([timedelta()] * 32, 30)
    assert [arrival.due_at - now for now, arrival in seen] == [timedelta()] * 30 + [
        timedelta(seconds=2),
        timedelta(seconds=4),
    ]
    assert [arrival.retry_after_seconds for _, arrival in seen] == [0] * 30 + [2, 4]


def test_a_quiet_minute_gives_the_burst_back() -> None:
    """And no more than that, however long it was quiet."""
    seen = arrivals([timedelta()] * 30 + [timedelta(hours=5)] + [timedelta()] * 30, 30)
    assert [arrival.due_at > now for now, arrival in seen] == [False] * 60 + [True]


@pytest.mark.parametrize(
    ("wait", "seconds"), [(0, 2), (1, 2), (999_999, 2), (1_000_000, 1), (1_999_999, 1), (2_000_000, 0)]
)
def test_retry_after_is_rounded_up(wait: int, seconds: int) -> None:
    """Who waits that many whole seconds is within the limit."""
    *_, (_, refused) = arrivals([timedelta()] * 30 + [timedelta(microseconds=wait)], 30)
    assert refused.retry_after_seconds == seconds


@given(GAPS, RATES)
def test_no_more_than_the_burst_and_the_rate_pass(gaps: list[timedelta], per_minute: int) -> None:
    """In any stretch of time at most the burst and the rate times its length are due, kept ones included."""
    for keep in (True, False):
        due = [
            arrival.due_at for now, arrival in arrivals(gaps, per_minute, keep=keep) if keep or arrival.due_at == now
        ]
        for first in range(0, len(due), 7):
            for last in range(first, len(due), 5):
                seconds = (due[last] - due[first]).total_seconds()
                assert last - first + 1 <= per_minute + seconds * per_minute / 60 + 1e-6


@given(GAPS, RATES)
def test_later_messages_are_never_due_earlier(gaps: list[timedelta], per_minute: int) -> None:
    """While a sender has delayed messages, every later one waits behind them."""
    seen = arrivals(gaps, per_minute)
    due = [arrival.due_at for _, arrival in seen]
    assert due == sorted(due)
    assert all(arrival.due_at >= now for now, arrival in seen)


@given(GAPS, RATES)
def test_who_keeps_to_the_rate_never_waits(gaps: list[timedelta], per_minute: int) -> None:
    """A message each interval, or less often."""
    slow = [gap + timedelta(microseconds=-(-60_000_000 // per_minute)) for gap in gaps]
    assert all(arrival.due_at == now for now, arrival in arrivals(slow, per_minute))


@given(GAPS, RATES)
def test_who_comes_back_when_told_is_let_through(gaps: list[timedelta], per_minute: int) -> None:
    """A refused message passes after Retry-After, if nothing else was accepted meanwhile."""
    now, refused = arrivals(gaps, per_minute)[-1]
    wait = timedelta(seconds=refused.retry_after_seconds)
    before = refused.tat - timedelta(microseconds=-(-60_000_000 // per_minute))
    assert arrive(before, now + wait, per_minute).due_at == now + wait


@given(GAPS, RATES, RATES)
def test_a_changed_limit_keeps_the_order(gaps: list[timedelta], before: int, after: int) -> None:
    """Messages that are delayed under one setting stay in front of those that come under the next."""
    now, last = arrivals(gaps, before)[-1]
    assert arrive(last.tat, now, after).due_at >= last.due_at - timedelta(microseconds=max(before, after))


def test_a_clock_that_falls_back_loosens_nothing() -> None:
    """The state of the future holds."""
    seen = arrivals([timedelta()] * 30, 30)
    again = arrive(seen[-1][1].tat, START - timedelta(minutes=5), 30)
    assert again.due_at == START + timedelta(seconds=2)
