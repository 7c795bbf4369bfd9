"""The rate limit of a sender: GCRA, whose whole state is one timestamp, so that replicas can share it in a row.

A sender may send `per_minute` messages at once and then one each 60 / `per_minute` seconds. The theoretical arrival
time (`tat`) is when everything accepted so far would have arrived at that rate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
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
    # Rounded up: a rate that is not exact to the microsecond must not let more through.
    interval = -(-_MINUTE // per_minute // _MICROSECOND) * _MICROSECOND
    tat = max(tat or now, now) + interval
    due_at = max(now, tat - interval * per_minute)
    return Arrival(due_at, tat, -((now - due_at) // _SECOND))
