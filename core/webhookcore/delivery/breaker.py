"""The circuit breaker of a service: closed, open, half open; pure, its state shared by all routers.

The rule is one: at least half of at least 20 deliveries that ended within the last 30 seconds failed. Then the breaker
opens for 5 seconds; the first delivery after that is the probe, one across all routers. It closes the breaker, or opens
it for twice as long as before, at most a minute. `window.py` counts; the routers keep the state in `circuit_breakers`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(seconds=60)


class Circuit(StrEnum):
    """`circuit_breakers.state`."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A row of `circuit_breakers`; a service without one is CLOSED. Times are the database's."""

    state: Circuit
    failures: int = 0
    """How many times in a row it has opened; what makes the wait longer."""
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    """Open: when the next delivery may probe. Half open: until when the probe holds the right to it."""
    probe_owner: UUID | None = None


CLOSED: Final = BreakerState(Circuit.CLOSED)


def open_again(state: BreakerState, now: datetime) -> BreakerState:
    """The state after the window tripped, or after a probe that failed."""
    failures = state.failures + 1
    wait = min(_FIRST_WAIT * 2 ** min(failures - 1, 8), _LONGEST_WAIT)
    return BreakerState(Circuit.OPEN, failures, now, now + wait)


def may_probe(state: BreakerState, now: datetime) -> bool:
    """Whether the next delivery may be the probe: the wait is over, or whoever probed went away without a word."""
    return state.state is not Circuit.CLOSED and (state.probe_at is None or now >= state.probe_at)


def probing(state: BreakerState, owner: UUID, now: datetime, at_most: timedelta) -> BreakerState:
    """The state while `owner` probes; `at_most` is how long its delivery may take, with a margin."""
    return BreakerState(Circuit.HALF_OPEN, state.failures, state.opened_at, now + at_most, owner)


def probed(state: BreakerState, *, service_failed: bool, now: datetime) -> BreakerState:
    """The state after the probe's delivery ended."""
    return open_again(state, now) if service_failed else CLOSED


def unsent(state: BreakerState, now: datetime) -> BreakerState:
    """The state after a probe that came to nothing before anything was sent: the next delivery may be it, at once."""
    return BreakerState(Circuit.OPEN, state.failures, state.opened_at, now)


def parked_until(state: BreakerState, now: datetime) -> datetime | None:
    """Until when deliveries of this service are parked; None where one may be sent, as any other or as the probe."""
    if state.state is Circuit.CLOSED or may_probe(state, now):
        return None
    return state.probe_at
