"""The rate limit of a sender: GCRA, whose whole state is one timestamp, so that replicas can share it in a row.

A sender may send `per_minute` messages at once and then one each 60 / `per_minute` seconds. The theoretical arrival
time (`tat`) is when everything accepted so far would have arrived at that rate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

_MINUTE: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a message's arrival means under the limit."""

    due_at: datetime
    """When it may go on: `now` within the limit, else later, and never before what arrived before it."""
    tat: datetime
    """The state to keep if the message is kept. Under Reject and Drop a message above the limit is not: keep the
    state as it was."""
    retry_after_seconds: int
    """Whole seconds until such a message would be within the limit; 0 when it is."""


def arrive(tat: datetime | None, now: datetime, per_minute: int) -> Arrival:
    """A message arrives at `now`; `tat` is the state that the one before it left, None where there is none."""
    interval, burst = _pace(per_minute)
    tat = (now if tat is None or tat < now else tat) + interval
    due_at = tat - burst
    if due_at <= now:
        return Arrival(now, tat, 0)
    return Arrival(due_at, tat, -((now - due_at) // _SECOND))


@cache
def _pace(per_minute: int) -> tuple[timedelta, timedelta]:
    """Between two messages, and what may come at once. Rounded up: a rate that is not exact to the microsecond must not
    let more through.
    """
    interval = -(-_MINUTE // per_minute // _MICROSECOND) * _MICROSECOND
    return interval, interval * per_minute
