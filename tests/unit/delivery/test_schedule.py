"""When to try again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.retry_after import CAP_SECONDS
from webhookcore.delivery.schedule import in_request_delay, is_exhausted, next_retry_at

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)
BACKOFF = st.lists(st.integers(1, 1440), min_size=1, max_size=10)
WISH = st.none() | st.floats(0, 10_000)


@pytest.mark.parametrize(("retry_count", "minutes"), [(0, 2), (1, 4), (2, 8), (3, 8), (100, 8)])
def test_the_default_schedule(retry_count: int, minutes: int) -> None:
    """2, 4, 8 minutes after the attempt before; the last value repeats."""
    assert next_retry_at(NOW, retry_count, (2, 4, 8)) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(("wish", "seconds"), [(None, 120), (0.0, 120), (119.9, 120), (300.0, 300), (7200.0, 3600)])
def test_a_later_retry_after_wins(wish: float | None, seconds: float) -> None:
    """Retry-After makes a retry later, never earlier, and by an hour at most."""
    assert next_retry_at(NOW, 0, (2, 4, 8), wish) == NOW + timedelta(seconds=seconds)


@given(retry_count=st.integers(0, 50), backoff=BACKOFF, wish=WISH)
def test_a_retry_is_never_early_and_never_lost(retry_count: int, backoff: list[int], wish: float | None) -> None:
    """At least the configured wait, at least the wish up to its cap, and exactly the larger of both."""
    wait = (next_retry_at(NOW, retry_count, backoff, wish) - NOW).total_seconds()
    configured = backoff[min(retry_count, len(backoff) - 1)] * 60
    assert wait == pytest.approx(max(configured, min(wish or 0, CAP_SECONDS)))


@given(backoff=BACKOFF.map(sorted), retry_count=st.integers(0, 50))
def test_a_growing_schedule_never_shrinks(backoff: list[int], retry_count: int) -> None:
    """Each wait is at least as long as the one before it."""
    assert next_retry_at(NOW, retry_count, backoff) <= next_retry_at(NOW, retry_count + 1, backoff)


@pytest.mark.parametrize(("failed", "exhausted"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_abandoned_after_the_third_failed_retry(failed: int, exhausted: bool) -> None:
    """MaxRetries counts failed retries, not the delivery before them."""
    assert is_exhausted(failed, 3) is exhausted


def test_no_retries_are_exhausted_at_once() -> None:
    """MaxRetries 0: a dead letter is never retried by itself."""
    assert is_exhausted(0, 0)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.1), (2, 0.3), (3, 0.9), (4, 1.0), (11, 1.0)])
def test_the_delay_within_a_request(attempt: int, seconds: float) -> None:
    """Without jitter: 0.1, 0.3, 0.9 s, then a second."""
    assert in_request_delay(attempt, None, 0.5) == pytest.approx(seconds)


@given(attempt=st.integers(1, 1000), random=st.floats(0, 1, exclude_max=True), wish=WISH)
def test_the_delay_is_bounded_and_keeps_the_wish(attempt: int, random: float, wish: float | None) -> None:
    """Between half of 0.1 s and one and a half seconds, unless the service asks for more."""
    delay = in_request_delay(attempt, wish, random)
    assert delay >= max(0.05, wish or 0)
    assert delay <= max(1.5, wish or 0)
