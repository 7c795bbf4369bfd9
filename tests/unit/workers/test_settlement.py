"""What a dead letter becomes after an answer."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.redelivery import Answer
from webhookcore.settings import Dlq
from webhookcore.store.dead_letters import ClaimedLetter, Settlement
from webhookcore_workers.settlement import settlement

NOW = datetime(2025, 11, 24, 19, tzinfo=UTC)
ID = UUID(int=7)


def claimed(retry_count: int = 0) -> ClaimedLetter:
    return ClaimedLetter(ID, "rides", "keyword", None, "1", "m", "k", 2, retry_count, NOW, "c", "r", None, b"")


def settled(outcome: Outcome, retry_count: int = 0, dlq: Dlq | None = None) -> Settlement:
    return settlement(claimed(retry_count), Answer(outcome, "rides", 5), dlq or Dlq(), NOW)


def test_delivered() -> None:
    """Processed; the retry is not counted as a failed one."""
    assert settled(Delivered(200), 2) == Settlement(ID, 2, 5, delivered=True)


@pytest.mark.parametrize(("retry_count", "minutes"), [(0, 4), (1, 8)])
def test_failed(retry_count: int, minutes: int) -> None:
    """Charged; the next retry is due after the wait that belongs to it."""
    assert settled(Failed(FailureCode.TIMEOUT, "no answer"), retry_count) == Settlement(
        ID,
        retry_count + 1,
        5,
        next_retry_at=NOW + timedelta(minutes=minutes),
        error_code=FailureCode.TIMEOUT,
        error_message="no answer",
    )


def test_the_last_retry_failed() -> None:
    """Abandoned, with the reason of that failure."""
    assert settled(Failed(FailureCode.TIMEOUT, "no answer"), 2) == Settlement(
        ID, 3, 5, abandoned=True, error_code=FailureCode.TIMEOUT, error_message="no answer"
    )


def test_the_last_wait_repeats() -> None:
    """More retries than waits."""
    again = settled(Failed(FailureCode.TIMEOUT, ""), 7, Dlq(max_retries=20)).next_retry_at
    assert again == NOW + timedelta(minutes=8)


def test_abandoned_at_once() -> None:
    """Whatever retries are left."""
    assert settled(Abandoned(FailureCode.NEVER_RETRY, "422", 422)) == Settlement(
        ID, 1, 5, abandoned=True, error_code=FailureCode.NEVER_RETRY, error_message="422"
    )


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 3))
def test_parked(until: datetime, retry_count: int) -> None:
    """Not charged; due at the router's word, within bounds: a past time would come back at once, a far one never."""
    found = settled(Parked("paused", until), retry_count)
    assert (found.retry_count, found.delivered, found.abandoned) == (retry_count, False, False)
    assert found.next_retry_at is not None
    assert NOW + timedelta(seconds=1) <= found.next_retry_at <= NOW + timedelta(hours=1)
    if NOW + timedelta(seconds=1) <= until <= NOW + timedelta(hours=1):
        assert found.next_retry_at == until
