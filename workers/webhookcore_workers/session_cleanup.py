"""The job `session-cleanup`: deletes stale sessions, and whatever else is past the time that it is kept."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from webhookcore.events import EventName
from webhookcore.settings import Settings
from webhookcore.store import retention
from webhookcore_workers import job as jobs
from webhookcore_workers.job import Job, JobResult, run_job
from webhookcore_workers.sweep import Swept, sweep

NAME: Final = "session-cleanup"
_LASTS_SECONDS: Final = 7200.0


def main(settings: Settings) -> int:
    """One run, one JSON line last on stdout; the exit code."""
    return jobs.main(lambda stop: run(settings, stop))


async def run(settings: Settings, stop: asyncio.Event | None = None) -> JobResult:
    """One run; `stop` ends it between two batches."""
    return await run_job(NAME, settings, _work, stop=stop, lasts_seconds=_LASTS_SECONDS)


async def _work(job: Job) -> None:
    spec, now, run_id = job.settings.spec, job.database.now(), str(job.run_id)
    job.events.emit(EventName.SESSION_CLEANUP_STARTED, at=now, runId=run_id)
    job.events.flush()
    ttl = timedelta(hours=spec.sessions.ttl_hours)
    delivered, abandoned = spec.cleanup.dlq_retention_days, spec.cleanup.abandoned_retention_days
    plan: tuple[tuple[str, retention.Kind, timedelta, dict[str, Any]], ...] = (
        ("sessions", retention.SESSIONS, ttl, {"ttlHours": spec.sessions.ttl_hours, "cutoffTime": _iso(now - ttl)}),
        ("dlq", retention.PROCESSED_LETTERS, timedelta(days=delivered), {"retentionDays": delivered}),
        ("abandoned", retention.ABANDONED_LETTERS, timedelta(days=abandoned), {"retentionDays": abandoned}),
        ("dedupeKeys", retention.DEDUPE_KEYS, *_kept(retention.DEDUPE_KEYS_KEPT)),
        ("jobRuns", retention.JOB_RUNS, *_kept(retention.JOB_RUNS_KEPT)),
        ("serviceMetrics", retention.SERVICE_METRICS, *_kept(retention.SERVICE_METRICS_KEPT)),
    )
    longest = 0.0
    try:
        for name, kind, age, facts in plan:
            swept = Swept()
            try:
                await sweep(job.database, kind, cutoff=now - age, stop=job.stop, into=swept)
            finally:
                job.result[name] = {"deleted": swept.deleted, **facts}
                longest = max(longest, swept.longest_ms)
    finally:
        job.result["longestBatchMs"] = round(longest, 1)
        job.events.emit(EventName.SESSION_CLEANUP_COMPLETED, at=job.database.now(), runId=run_id, **job.result)
        job.events.flush()


def _kept(age: timedelta) -> tuple[timedelta, dict[str, Any]]:
    return age, {"retentionDays": age.days}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
