"""When a job is due, as a Kubernetes CronJob with concurrencyPolicy Forbid sees it. Pure: the time is told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression in a time zone. All moments that go in and come out are aware; those that come out are UTC."""

    cron: str
    time_zone: str
    starting_deadline: timedelta
    """How late a run may still start."""

    def next_after(self, moment: datetime) -> datetime:
        """The first scheduled time after `moment`."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        following: datetime = next(CronSim(self.cron, local))
        return following.astimezone(UTC)

    def due(self, last: datetime, now: datetime) -> datetime | None:
        """The latest scheduled time after `last` that may still start at `now`; None where there is none.

        Times that passed while a run was still going, or while the machine slept, count as one.
        """
        due = None
        following = self.next_after(max(last, now - self.starting_deadline))
        while following <= now:
            due, following = following, self.next_after(following)
        return due
