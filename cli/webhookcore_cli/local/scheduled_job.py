"""A job on its cron schedule, as its CronJob would run it: one at a time, with a deadline, its result told."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from webhookcore.settings import WebhookCoreSpec
from webhookcore_cli.local.children import Children
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.schedule import Schedule

LONGEST_SLEEP: Final = 15.0
"""Seconds: a clock that was set, or a machine that slept, is noticed within this time."""
STOP_SECONDS: Final = 15.0
CLEANUP_DEADLINE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a CronJob says about a job."""

    name: str
    schedule: Schedule
    suspended: bool
    deadline_seconds: float
    """After which a run is ended (activeDeadlineSeconds)."""


def plans(spec: WebhookCoreSpec) -> tuple[JobPlan, JobPlan]:
    """The two jobs of a config."""
    dlq, cleanup = spec.dlq, spec.cleanup
    return (
        JobPlan(
            "dlq-processor",
            Schedule(dlq.schedule, dlq.time_zone, timedelta(seconds=200)),
            dlq.suspend,
            dlq.max_run_seconds + 60,
        ),
        JobPlan(
            "session-cleanup",
            Schedule(cleanup.schedule, cleanup.time_zone, timedelta(hours=1)),
            cleanup.suspend,
            CLEANUP_DEADLINE_SECONDS,
        ),
    )


class ScheduledJob:
    """Runs `webhookcore <name>` whenever its schedule says so, until it is cancelled."""

    def __init__(
        self,
        plan: JobPlan,
        children: Children,
        arguments: Sequence[str],
        console: Console,
        now: Callable[[], datetime],
    ) -> None:
        self._plan = plan
        self._children = children
        self._arguments = arguments
        self._console = console
        self._now = now

    async def keep(self) -> None:
        """A time that comes while a run is going starts the next one right after it, within its starting deadline."""
        last = self._now()
        while True:
            now = self._now()
            due = self._plan.schedule.due(last, now)
            if due is not None:
                last = due
                await self.run_once()
                continue
            until = (self._plan.schedule.next_after(now) - now).total_seconds()
            await asyncio.sleep(min(until, LONGEST_SLEEP))

    async def run_once(self) -> int:
        """One run to its end; cancelled, it gets SIGTERM and may give its leases back. The exit code."""
        name = self._plan.name
        marks = self._children.marks(name)
        process = await self._children.start(name, *self._arguments)
        try:
            async with asyncio.timeout(self._plan.deadline_seconds):
                await process.wait()
        except TimeoutError:
            self._console.say(name, f"still running after {self._plan.deadline_seconds:.0f} s: ending it")
        finally:
            await self._children.stop(process, STOP_SECONDS)
        code = await process.wait()
        out, errors = self._children.last_lines(name, marks)
        self._console.say(name, outcome(code, out, errors))
        return code


def outcome(code: int, out: str, errors: str) -> str:
    """What a run came to, from its exit code and the last lines of its outputs."""
    try:
        result: Any = json.loads(out) if out else {}
    except ValueError:
        result = {}
    if code == 0 and isinstance(result, dict):
        return summary(result)
    words = result.get("error") if isinstance(result, dict) else None
    return f"failed (exit code {code}): {words or errors or 'it said nothing'}"


def summary(result: Mapping[str, Any]) -> str:
    """A job's JSON result as one line for a person."""
    took = f"{result.get('durationMs', 0)} ms"
    if "sessions" in result:
        sessions, dead = result["sessions"].get("deleted", 0), result.get("dlq", {}).get("deleted", 0)
        return f"{sessions} stale sessions and {dead} old dead letters deleted in {took}"
    parts = [f"{result.get('successful', 0)} delivered", f"{result.get('failed', 0)} failed"]
    parts += [f"{result[name]} {name}" for name in ("abandoned", "parked") if result.get(name)]
    if not (result.get("processed") or result.get("parked")):
        return f"nothing was due ({took})"
    return f"{', '.join(parts)} in {took}"
