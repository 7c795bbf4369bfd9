"""Retry-After: how long a service asks to be left alone, in seconds or as a date (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

CAP_SECONDS: Final = 3600.0
"""A service may ask for any time; longer than this it is not waited for."""

_MOST_CHARACTERS: Final = 64  # the longest of the three date formats has 33
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?", re.ASCII)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from `now` (aware), between 0 and an hour; None for a missing header or one that is neither form.

    Fractions and a sign are no standard, and servers send them: they are read, and what has passed is 0.
    """
    if value is None:
        return None
    text = value.strip()
    if len(text) > _MOST_CHARACTERS:
        return None
    if _NUMBER.fullmatch(text):
        return _capped(float(text))
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if then.tzinfo is None:  # "-0000": a time in UTC of unknown origin
        then = then.replace(tzinfo=UTC)
    return _capped((then - now).total_seconds())


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), CAP_SECONDS)
