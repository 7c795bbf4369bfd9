"""How long a schedule leaves between two runs at most. Quick for every schedule: days and times of day apart."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cronsim import CronSim

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
BEFORE: Final = START - timedelta(seconds=1)
"""What is looked for comes after this."""
LOOK_AHEAD: Final = timedelta(days=800)
"""Two years and more. Rarer days (29 February) are looked for until there are two of them."""
DAY: Final = timedelta(days=1)


@lru_cache(maxsize=1024)
def longest_gap(schedule: str) -> timedelta | None:
    """The longest time between two runs; None for a schedule that names no day (30 February). The clocks' changes in
    spring and autumn are left out: an hour at most.
    """
    minute, hour, *day = schedule.split()
    times = _times_of_day(f"{minute} {hour} * * *")
    days = _days(f"0 0 {' '.join(day)}")
    if len(days) < 2:  # noqa: PLR2004 - a gap is between two
        return None
    within = [later - earlier for earlier, later in pairwise(times)]
    over_night = max(later - earlier for earlier, later in pairwise(days)) - (times[-1] - times[0])
    return max([over_night, *within])


def _times_of_day(schedule: str) -> list[datetime]:
    times = []
    for time in CronSim(schedule, BEFORE):
        if time >= START + DAY:
            break
        times.append(time)
    return times


def _days(schedule: str) -> list[datetime]:
    days: list[datetime] = []
    for day in CronSim(schedule, BEFORE):
        if day > START + LOOK_AHEAD and len(days) > 1:
            break
        days.append(day)
    return days
