"""The job `dlq-processor`: delivers what is due in the dead letter queue again, through the routers."""

import asyncio
from contextlib import suppress
from typing import Final

from webhookcore.settings import Settings
from webhookcore.store import dead_letters
from webhookcore_workers import job as jobs
from webhookcore_workers import progress
from webhookcore_workers.dlq_events import DlqEvents
from webhookcore_workers.dlq_run import DlqRun
from webhookcore_workers.job import Job, JobError, JobResult, run_job
from webhookcore_workers.patience import DatabaseLostError, patiently
from webhookcore_workers.router_client import RouterClient

NAME: Final = "dlq-processor"


def main(settings: Settings) -> int:
    """One run, one JSON line last on stdout; the exit code."""
    return jobs.main(lambda stop: run(settings, stop))


async def run(settings: Settings, stop: asyncio.Event | None = None) -> JobResult:
    """One run, ended early by `stop`."""
    return await run_job(NAME, settings, _work, stop=stop, lasts_seconds=settings.spec.dlq.max_run_seconds + 120)


async def _work(job: Job) -> None:
    settings, database = job.settings, job.database
    events = DlqEvents(job.events)
    events.started(database.now(), str(job.run_id))
    router = RouterClient(
        settings.router_internal_url,
        settings.secrets.internal_secret,
        timeout_ms=settings.spec.router.timeout_ms,
        connections=settings.spec.dlq.concurrency,
        now=database.now,
    )
    due = await patiently(database, lambda conn: dead_letters.due_count(conn, now=database.now()))
    with progress.shown(due) as on_progress:
        run = DlqRun(
            database=database,
            router=router,
            events=events,
            dlq=settings.spec.dlq,
            owner=job.run_id,
            on_progress=on_progress,
        )
        try:
            await _until_stopped(run, job.stop)
        finally:
            await router.close()
            job.result.update(run.tally.as_json())
            if run.out_of_time:
                job.result["outOfTime"] = True
            events.completed(database.now(), str(job.run_id), job.result)
    if run.reach.failed:
        raise JobError(f"no router could be reached: {run.reach.why}")


async def _until_stopped(run: DlqRun, stop: asyncio.Event) -> None:
    async def watch() -> None:
        await stop.wait()
        run.stop()

    watcher = asyncio.create_task(watch())
    try:
        await run.work()
    except ExceptionGroup as failed:
        lost, other = failed.split(DatabaseLostError)
        if lost is None or other is not None:
            raise
        raise lost.exceptions[0] from None
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
