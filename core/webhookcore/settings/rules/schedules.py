"""Rules about when the jobs run: only what the local scheduler and Kubernetes' both understand, and alike."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from webhookcore.settings.findings import Finding
from webhookcore.settings.view import View, quoted

FIELDS: Final = 5
ANY_TIME: Final = datetime(2025, 1, 1, tzinfo=UTC)
SEVENTH_DAY: Final = re.compile(r"(?<![\d/])0*7(?!\d)")
# What these name differs from machine to machine.
NO_ZONES: Final = ("localtime", "posixrules")


def schedules(view: View) -> Iterator[Finding]:
    """Schedules are cron's, and their time zones exist."""
    for section, job in (("dlq", view.spec.dlq), ("cleanup", view.spec.cleanup)):
        if wrong := wrong_schedule(job.schedule):
            yield Finding(("spec", section, "schedule"), quoted(job.schedule), wrong)
        if not is_time_zone(job.time_zone):
            allowed = "must be an IANA time zone, such as Etc/UTC or Europe/Paris"
            yield Finding(("spec", section, "timeZone"), quoted(job.time_zone), allowed)


def wrong_schedule(schedule: str) -> str | None:
    """A clause that says what a schedule must be, or None where it is fine."""
    fields = schedule.split()
    if len(fields) != FIELDS:
        return "must be five cron fields: minute, hour, day of month, month, day of week"
    *_, days_of_month, _, days_of_week = fields
    if SEVENTH_DAY.search(days_of_week):
        return "must say 0 for Sunday"
    if "L" in f"{days_of_month}{days_of_week}".upper() or "#" in days_of_week:
        return "must do without L, W and #, which Kubernetes does not know"
    try:
        CronSim(schedule, ANY_TIME)
    except CronSimError as error:
        return f"must be five cron fields that name a time ({str(error).lower()})"
    return None


def is_time_zone(name: str) -> bool:
    """Whether a time zone exists under this name, everywhere."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return name not in NO_ZONES
