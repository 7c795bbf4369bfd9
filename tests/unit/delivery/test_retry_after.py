"""Retry-After: both of its forms, and all that servers make of them."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.retry_after import CAP_SECONDS, parse_retry_after

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("2.", 2.0),
        ("+3", 3.0),
        ("-5", 0.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("99999999999999999999", 3600.0),
        ("Mon, 24 Nov 2025 19:00:30 GMT", 30.0),
        ("Mon, 24 Nov 2025 19:00:30 -0000", 30.0),
        ("Mon, 24 Nov 2025 21:00:30 +0200", 30.0),
        ("Monday, 24-Nov-25 19:00:30 GMT", 30.0),
        ("Mon Nov 24 19:00:30 2025", 30.0),
        ("Mon, 24 Nov 2025 18:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
    ],
)
def test_seconds_and_dates(header: str | None, seconds: float | None) -> None:
    """Seconds from now, never negative, at most an hour; dates in the three forms of RFC 9110."""
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    "header",
    [
        *("", "soon", "1e3", "nan", "inf", "-inf", "0x10", "1_000", "٣", "5s", "1,5", "--1", "24:00", "9" * 65),
        *("Mon, 99 Nov 2025 19:00:30 GMT", "Mon, 24 Foo 2025 19:00:30 GMT", "Fri, 31 Dec 99999 23:59:59 GMT"),
    ],
)
def test_garbage_is_ignored(header: str) -> None:
    """What is neither form is as if the header were missing."""
    assert parse_retry_after(header, NOW) is None


@given(st.text(max_size=80))
def test_nothing_raises(header: str) -> None:
    """Whatever a service writes there, it is None or a wait within bounds."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= CAP_SECONDS


@given(st.integers(-10_000, 10_000), st.integers(-720, 720))
def test_a_date_is_its_distance_from_now(seconds: int, offset_minutes: int) -> None:
    """A date in any time zone is the seconds from now until then, within bounds."""
    then = (NOW + timedelta(seconds=seconds)).astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert parse_retry_after(format_datetime(then), NOW) == min(max(seconds, 0), CAP_SECONDS)


@given(st.floats(0, 100_000, allow_nan=False).map(lambda value: round(value, 3)))
def test_a_number_is_its_seconds(seconds: float) -> None:
    """A decimal number is that many seconds, at most an hour."""
    assert parse_retry_after(f"{seconds:.3f}", NOW) == min(seconds, CAP_SECONDS)
