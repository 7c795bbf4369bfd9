"""When to try again: minutes later from the dead letter queue, or at once within the request."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from webhookcore.delivery.retry_after import CAP_SECONDS

_FIRST_SECONDS: Final = 0.1
_GROWTH: Final = 3.0
_LONGEST_SECONDS: Final = 1.0


def next_retry_at(
    failed_at: datetime, retry_count: int, backoff_minutes: Sequence[int], retry_after_seconds: float | None = None
) -> datetime:
    """When the next retry is due after an attempt that failed at `failed_at`.

    `retry_count` says how many retries had failed by then: 0 when the event becomes a dead letter. Retry k is due
    `backoff_minutes[k - 1]` after the attempt before it; the last value repeats, and a later Retry-After wins.
    """
    minutes = backoff_minutes[min(retry_count, len(backoff_minutes) - 1)]
    wait = max(minutes * 60.0, min(retry_after_seconds or 0.0, CAP_SECONDS))
    return failed_at + timedelta(seconds=wait)


def is_exhausted(retry_count: int, max_retries: int) -> bool:
    """Whether a dead letter is abandoned after its `retry_count`th failed retry."""
    return retry_count >= max_retries


def in_request_delay(attempt: int, retry_after_seconds: float | None, random: float) -> float:
    """Seconds to wait before the next try of the same request, after `attempt` tries (from 1) that failed.

    About 0.1, 0.3, 0.9, 1, 1, ... s, half to one and a half times as long by `random` (0 to 1), so that the events
    which a service dropped together do not come back together; a longer Retry-After wins.
    """
    delay = min(_FIRST_SECONDS * _GROWTH ** min(attempt - 1, 8), _LONGEST_SECONDS) * (0.5 + random)
    return max(delay, retry_after_seconds or 0.0)
