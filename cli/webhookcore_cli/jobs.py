"""`webhookcore jobs`: when each job runs next, and what its last runs came to."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from webhookcore.store import on_call
from webhookcore.store.database import Connection
from webhookcore.store.on_call import JobRun
from webhookcore_cli.local.scheduled_job import JobPlan, summary
from webhookcore_cli.output import NONE, iso, moment

PLAN_COLUMNS: Final = ("Job", "Schedule", "Time zone", "Next run", "Last run", "Last result")
RUN_COLUMNS: Final = ("Job", "Started", "Status", "Took", "Result")
CRON_JOBS: Final = "The CronJobs have the schedules: kubectl get cronjobs"


async def last_runs(conn: Connection, now: datetime, at_most: int) -> tuple[list[JobRun], datetime]:
    """Each job's last runs, and the database's time."""
    return await on_call.last_runs(conn, at_most=at_most), now


def plan_row(plan: JobPlan, last: JobRun | None, now: datetime, *, scheduled: bool) -> tuple[str, ...]:
    """A job's line: its schedule, where that is known here, beside what its last run came to."""
    when = (
        plan.schedule.cron,
        plan.schedule.time_zone,
        "suspended" if plan.suspended else moment(plan.schedule.next_after(now)),
    )
    return (
        plan.name,
        *(when if scheduled else (NONE, NONE, NONE)),
        moment(last.start_time if last else None),
        f"{last.status}: {told(last.result)}" if last else NONE,
    )


def run_row(run: JobRun) -> tuple[str, ...]:
    took = NONE if run.end_time is None else f"{(run.end_time - run.start_time).total_seconds():.1f} s"
    return run.jobname, moment(run.start_time), run.status, took, told(run.result)


def as_dict(plans: Sequence[JobPlan], runs: Sequence[JobRun], now: datetime, *, scheduled: bool) -> dict[str, Any]:
    """Schedules, where they are known here, and runs in JSON's terms."""
    return {
        "schedules": [
            {
                "name": plan.name,
                "schedule": plan.schedule.cron,
                "timeZone": plan.schedule.time_zone,
                "suspend": plan.suspended,
                "nextRun": None if plan.suspended else iso(plan.schedule.next_after(now)),
            }
            for plan in plans
            if scheduled
        ],
        "runs": [
            {
                "name": run.jobname,
                "runId": str(run.runid),
                "status": run.status,
                "startTime": iso(run.start_time),
                "endTime": iso(run.end_time),
                "result": run.result,
            }
            for run in runs
        ],
    }


def told(result: Mapping[str, Any] | None) -> str:
    """A result in a few words."""
    if not result:
        return NONE
    if "requeued" in result:
        return f"{result['requeued']} made due again by {result.get('by', 'unknown')}"
    if "error" in result:
        return str(result["error"])
    return summary(result) if "durationMs" in result else json.dumps(result)
