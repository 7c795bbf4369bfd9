"""How long a schedule leaves between two runs at most. Quick for every schedule: days and times of day apart."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cronsim import CronSim

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
LOOK_AHEAD: Final = timedelta(days=1463)
"""Four years, and so a leap year, with the days around it. Rarer days are looked for until there are two of them."""
DAY: Final = timedelta(days=1)


@lru_cache(maxsize=1024)
def longest_gap(schedule: str) -> timedelta:
    """The longest time between two runs. The clocks' changes in spring and autumn are left out: an hour at most."""
    minute, hour, *day = schedule.split()
    times = _moments(f"{minute} {hour} * * *", START + DAY, least=1)
    days = _moments(f"0 0 {' '.join(day)}", START + LOOK_AHEAD, least=2)
    within = [later - earlier for earlier, later in pairwise(times)]
    over_night = max(later - earlier for earlier, later in pairwise(days)) - (times[-1] - times[0])
    return max([over_night, *within])


def _moments(schedule: str, end: datetime, *, least: int) -> list[datetime]:
    """What is scheduled before `end`; later ones too until there are so many."""
    moments: list[datetime] = []
    for moment in CronSim(schedule, START - timedelta(seconds=1)):
        if moment >= end and len(moments) >= least:
            break
        moments.append(moment)
    return moments
