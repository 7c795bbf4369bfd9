"""The person on call: sends dead letters again, and runs the jobs that a cluster's CronJobs would."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from demo.brief import brief
from demo.observed import Cleanup, Observed, Run
from demo.screen import Screen
from demo.system import System

PATIENCE_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.1
NIGHT: Final = "night"


class OnCall:
    """Every command that is run is a real `webhookcore` process, and is written down with what it said."""

    def __init__(self, system: System, observed: Observed, screen: Screen) -> None:
        self._system = system
        self._observed = observed
        self._screen = screen

    async def sends_again(self, route: str, clock: Callable[[], str]) -> None:
        """Makes a route's dead letters due, which their backoff would keep for minutes, and delivers them."""
        await self._run(clock, "dlq", "retry", "--route", route, "--json")
        await self._run(clock, "dlq-processor")

    async def waits_for_quiet(self) -> bool:
        """Until nothing is under way: parked and delayed events included. False when that never came."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PATIENCE_SECONDS
        while waiting := await self._system.database.waiting():
            if loop.time() > give_up:
                return False
            self._screen.waits(f"{sum(waiting.values())} events under way")
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def works_off(self, clock: Callable[[], str]) -> None:
        """Runs dlq-processor until every dead letter is delivered or abandoned, the minutes between skipped by SQL."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PATIENCE_SECONDS
        while await self._system.database.unsettled() and loop.time() < give_up:
            await self._system.database.let_minutes_pass()
            run = await self._run(clock, "dlq-processor", note="the backoff's minutes skipped by SQL")
            if run.result.get("parked"):
                await asyncio.sleep(1)  # a breaker that is still open, which no SQL of ours may close

    async def cleans_up(self, senders: Sequence[str], processed_of: str, abandoned_of: str) -> None:
        database = self._system.database
        aged = await database.age(senders, processed_of, abandoned_of)
        before = await database.counts()
        self._screen.say(
            NIGHT,
            f"aged by SQL, so that the clean-up has yesterday's rows: {aged['sessions']} sessions by 25 hours, "
            f"{aged['processed']} delivered dead letters by 8 days, {aged['abandoned']} abandoned by 31 days",
        )
        run = await self._run(lambda: NIGHT, "session-cleanup")
        after = await database.counts()
        removed = {kind: before[kind] - after[kind] for kind in before}
        self._observed.cleanup = Cleanup(aged, removed, run)

    async def _run(self, clock: Callable[[], str], *arguments: str, note: str = "") -> Run:
        finished = await self._system.command(*arguments)
        ended = clock()
        command = " ".join(argument for argument in arguments if argument != "--json")
        run = Run(ended, command, finished.code, finished.result)
        self._observed.runs.append(run)
        said = brief(finished.result) if finished.code == 0 else f"exit code {finished.code}: {finished.errors}"
        self._screen.say(ended, f"webhookcore {command}{f' ({note})' if note else ''}: {said}")
        return run
