"""Moments as a person types them: ISO 8601, or how long ago."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from webhookcore_cli.trouble import EXIT_USAGE, TroubleError

_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse(given: str, now: datetime) -> datetime:
    """How long ago is taken from `now`; a moment without an offset is UTC."""
    try:
        if match := _AGO.fullmatch(given.strip()):
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = datetime.fromisoformat(given.strip())
    except (ValueError, OverflowError):  # the latter: longer ago than years are counted
        raise TroubleError(
            f"{given!r} is no moment: give one such as 2025-11-24T19:00 (UTC) or how long ago: 90s, 30m, 2h, 7d.",
            EXIT_USAGE,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
