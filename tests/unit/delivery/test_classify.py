"""What an answer means."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.classify import TryAgain, classify, counts_against_service, give_up
from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Parked
from webhookcore.delivery.retry_after import CAP_SECONDS

STATUSES = st.integers(100, 999)
NEVER = st.frozensets(st.integers(300, 599))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_success_is_delivered(status: int) -> None:
    """Every 2xx is an acknowledgement, whatever `never` says."""
    assert classify(status, frozenset({status})) == Delivered(status)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (408, FailureCode.TIMEOUT),
        (429, FailureCode.THROTTLED),
        (500, FailureCode.SERVER_ERROR),
        (502, FailureCode.SERVER_ERROR),
        (503, FailureCode.SERVER_ERROR),
        (504, FailureCode.SERVER_ERROR),
        (599, FailureCode.SERVER_ERROR),
    ],
)
def test_what_may_pass_is_tried_again(status: int, code: FailureCode) -> None:
    """408, 429 and 5xx may be another answer a moment later, and the service's own wish goes along."""
    result = classify(status, retry_after_seconds=7.0)
    assert isinstance(result, TryAgain)
    assert (result.code, result.status, result.retry_after_seconds) == (code, status, 7.0)
    assert give_up(result) == Failed(code, f"answered {status}", status, 7.0)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, FailureCode.REDIRECT),
        (302, FailureCode.REDIRECT),
        (308, FailureCode.REDIRECT),
        (400, FailureCode.CLIENT_ERROR),
        (401, FailureCode.CLIENT_ERROR),
        (404, FailureCode.CLIENT_ERROR),
        (410, FailureCode.CLIENT_ERROR),
        (101, FailureCode.PROTOCOL),
        (600, FailureCode.PROTOCOL),
        (999, FailureCode.PROTOCOL),
    ],
)
def test_what_lasts_becomes_a_dead_letter_at_once(status: int, code: FailureCode) -> None:
    """3xx, other 4xx and what HTTP does not know are not tried again within the request."""
    result = classify(status, retry_after_seconds=3.0)
    assert isinstance(result, Failed)
    assert (result.code, result.status, result.retry_after_seconds) == (code, status, 3.0)


@given(status=STATUSES, never=NEVER)
def test_never_means_abandoned(status: int, never: frozenset[int]) -> None:
    """Exactly the codes in `never` abandon a delivery; without it no status does."""
    expected = status in never
    assert isinstance(classify(status, never), Abandoned) is expected
    assert not isinstance(classify(status), Abandoned)


@given(status=STATUSES, never=NEVER, wish=st.none() | st.floats(0, CAP_SECONDS))
def test_every_status_has_a_meaning(status: int, never: frozenset[int], wish: float | None) -> None:
    """Whatever a service answers: the status is kept, and a failure says it in words."""
    result = classify(status, never, wish)
    assert result.status == status
    if not isinstance(result, Delivered):
        assert str(status) in result.detail
        assert len(result.detail) <= 500


def test_only_a_gateway_timeout_leaves_open_what_happened() -> None:
    """An answered error is a known outcome; 504 only says that somebody did not wait longer."""
    open_ended = [status for status in range(100, 1000) if getattr(classify(status), "maybe_processed", False)]
    assert open_ended == [504]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Delivered(200), False),
        (Failed(FailureCode.TIMEOUT, ""), True),
        (Failed(FailureCode.NETWORK, ""), True),
        (Failed(FailureCode.PROTOCOL, ""), True),
        (Failed(FailureCode.PROTOCOL, "", 101), True),
        (Failed(FailureCode.SERVER_ERROR, "", 500), True),
        (Failed(FailureCode.THROTTLED, "", 429), True),
        (Failed(FailureCode.TIMEOUT, "", 408), True),
        (Failed(FailureCode.REDIRECT, "", 302), True),
        (Failed(FailureCode.CLIENT_ERROR, "", 400), False),
        (Failed(FailureCode.CLIENT_ERROR, "", 404), False),
        (Abandoned(FailureCode.NEVER_RETRY, "", 422), False),
        (Abandoned(FailureCode.NEVER_RETRY, "", 503), True),
        (Abandoned(FailureCode.UNKNOWN_OUTCOME, ""), True),
        (Failed(FailureCode.REFUSED_TARGET, ""), False),
        (Abandoned(FailureCode.ROUTE_GONE, ""), False),
        (Failed(FailureCode.EXPIRED, ""), False),
    ],
)
def test_what_counts_against_a_service(outcome: Delivered | Failed | Abandoned, expected: bool) -> None:
    """4xx other than 408 and 429 say that the service is well; so does nothing that never reached it."""
    assert counts_against_service(outcome) is expected


def test_parked_says_nothing_about_a_service() -> None:
    """What was not tried counts neither way."""
    assert not counts_against_service(Parked("paused", datetime(2025, 11, 24, tzinfo=UTC)))
