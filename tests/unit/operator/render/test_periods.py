"""The longest time between two runs of a schedule."""

from datetime import timedelta
from itertools import pairwise, takewhile

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from webhookcore_operator.render.periods import LOOK_AHEAD, START, longest_gap

MINUTES = ("0", "30", "5,35", "59")
HOURS = ("0", "2", "*/6", "8-18", "0,23")
DAYS = ("*", "1", "31", "*/2", "1,15", "10-20")
MONTHS = ("*", "1", "*/3", "6-8")
WEEKDAYS = ("*", "0", "1-5", "6", "MON,WED")


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("*/5 * * * *", timedelta(minutes=5)),
        ("*/7 * * * *", timedelta(minutes=7)),
        ("0 2 * * *", timedelta(days=1)),
        ("*/5 9-17 * * *", timedelta(hours=15, minutes=5)),
        ("*/5 9-17 * * 1-5", timedelta(days=2, hours=15, minutes=5)),
        ("0 0 1 * *", timedelta(days=31)),
        ("0 0 1 1 *", timedelta(days=366)),
        ("0 0 29 2 *", timedelta(days=1461)),
        ("0 0 29 2 */7", timedelta(days=28 * 365 + 7)),
    ],
)
def test_gap(schedule: str, gap: timedelta) -> None:
    """Nights, weekends, months and leap years count."""
    assert longest_gap(schedule) == gap


@given(*map(st.sampled_from, (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)))
@settings(max_examples=25, deadline=None)
def test_as_if_counted(minute: str, hour: str, day: str, month: str, weekday: str) -> None:
    """Days and times apart give what counting run by run gives."""
    schedule = f"{minute} {hour} {day} {month} {weekday}"
    runs = takewhile(lambda run: run < START + LOOK_AHEAD, CronSim(schedule, START - timedelta(seconds=1)))
    assert longest_gap(schedule) == max(later - earlier for earlier, later in pairwise(runs))
