"""What every job does besides its work: the database, its schema, its row in job_runs, signals, and the result."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TextIO, cast
from uuid import UUID, uuid4

import uvloop

from webhookcore.events import EventLog, Pseudonyms
from webhookcore.settings import Settings
from webhookcore.store import job_runs
from webhookcore.store.database import UNAVAILABLE, Database
from webhookcore.store.schema import SchemaState, SchemaStatus, schema_state
from webhookcore.store.url import UrlError
from webhookcore_workers.patience import DatabaseLostError, patiently
from webhookcore_workers.result import Exit, Stdout, print_result, say

REACH_SECONDS: Final = 30.0
"""How long a job waits at its start for a database that does not answer."""
_SAY_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.25


class JobError(Exception):
    """The job did not do its work; the message is one line for a person. `code` is the exit code."""

    def __init__(self, message: str, code: Exit = Exit.TRY_AGAIN) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class JobResult:
    """The JSON line, and the exit code that goes with it."""

    result: dict[str, Any]
    code: Exit


@dataclass(slots=True)
class Job:
    """What a job's work is given. The work fills `result` as it goes, so that an error shows what was done before."""

    settings: Settings
    database: Database
    events: EventLog
    run_id: UUID
    stop: asyncio.Event
    """Set by SIGTERM and Ctrl-C: finish what was begun, begin nothing."""
    result: dict[str, Any]


Work = Callable[[Job], Awaitable[None]]


async def run_job(
    name: str, settings: Settings, work: Work, *, lasts_seconds: float, stop: asyncio.Event | None = None
) -> JobResult:
    """One run. What may be expected of a database or a router never raises: it is told in the result.

    `lasts_seconds`: a run whose row still says running after so long belongs to a process that is gone.
    """
    started = time.monotonic()
    stop = stop or asyncio.Event()
    result: dict[str, Any] = {}
    error, code = "", Exit.WORKED
    if settings.database_url is None:
        missing = "no database is named: set DATABASE_URL or spec.database.urlSecretRef"
        return JobResult({"success": False, "error": missing, "durationMs": 0}, Exit.CONFIGURATION)
    try:
        database = Database(settings.database_url, size=4, application=f"webhookcore-{name}")
    except UrlError as none:
        return JobResult({"success": False, "error": str(none), "durationMs": 0}, Exit.CONFIGURATION)
    events = EventLog(Pseudonyms(settings.secrets.internal_secret), cast("TextIO", Stdout()), buffered=True)
    job = Job(settings, database, events, uuid4(), stop, result)
    await database.open()
    try:
        await _reach(database, stop)
        await _fit(database)
        await _begin(name, job, lasts_seconds)
        try:
            await work(job)
        except JobError as failed:
            error, code = str(failed), failed.code
        except DatabaseLostError as failed:
            error, code = str(failed), Exit.TRY_AGAIN
        except Exception as bug:
            await _end(name, job, _finished(result, f"unexpected {type(bug).__name__}"))
            raise
        result["durationMs"] = round((time.monotonic() - started) * 1000)
        if stop.is_set():
            result["interrupted"] = True
        await _end(name, job, _finished(result, error))
    except (JobError, DatabaseLostError) as failed:
        error = error or str(failed)
        code = getattr(failed, "code", Exit.TRY_AGAIN)
        result.setdefault("durationMs", round((time.monotonic() - started) * 1000))
    finally:
        events.flush()
        await database.close()
    return JobResult(_finished(result, error), code)


def main(run: Callable[[asyncio.Event], Awaitable[JobResult]]) -> int:
    """Runs to the end or to the first SIGTERM or Ctrl-C, prints the result last, and returns the exit code."""

    async def watched() -> JobResult:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await run(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(watched())
    print_result(done.result)
    return done.code


def _finished(result: dict[str, Any], error: str) -> dict[str, Any]:
    """`success` first, `error` after it where there is one."""
    return {"success": not error, **({"error": error} if error else {}), **result}


async def _reach(database: Database, stop: asyncio.Event) -> None:
    give_up, said_at = time.monotonic() + REACH_SECONDS, float("-inf")
    while True:
        try:
            await database.check()
        except UNAVAILABLE as error:
            now, why = time.monotonic(), " ".join(str(error).split()) or "no answer"
            if now >= give_up or stop.is_set():
                raise JobError(f"the database is away: {why}") from error
            if now - said_at >= _SAY_SECONDS:
                said_at = now
                say(f"waiting for the database: {why}")
        else:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def _fit(database: Database) -> None:
    state: SchemaState = await patiently(database, schema_state)
    if state.status is SchemaStatus.NEWER:
        say(f"warning: the schema is {state.problem}")
    elif not state.usable:
        # Behind, it may get better: the migration is on its way.
        code = Exit.TRY_AGAIN if state.status is SchemaStatus.BEHIND else Exit.CONFIGURATION
        raise JobError(f"the schema does not fit this release: {state.problem}", code)


async def _begin(name: str, job: Job, lasts_seconds: float) -> None:
    now = job.database.now()
    before = now - timedelta(seconds=lasts_seconds)
    await patiently(
        job.database,
        lambda conn: job_runs.begin(conn, jobname=name, runid=job.run_id, now=now, forgotten_before=before),
    )


async def _end(name: str, job: Job, result: dict[str, Any]) -> None:
    now, succeeded = job.database.now(), bool(result["success"])
    await patiently(
        job.database,
        lambda conn: job_runs.end(conn, jobname=name, runid=job.run_id, now=now, succeeded=succeeded, result=result),
    )
