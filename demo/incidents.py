"""What goes wrong in the company on this day, and what is done about it while the day goes on."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from demo.clock import DayClock
from demo.day import since_midnight
from demo.observed import Observed, Outage
from demo.oncall import OnCall
from demo.screen import Screen
from demo.services import Mood
from demo.system import System

INSURANCE: Final = "wa-webhook-insurance"
JOBS: Final = "wa-webhook-jobs"
_PATIENCE_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """A service feels otherwise from some time on."""

    at: timedelta
    service: str
    mood: Mood
    told: str


CHANGES: Final = (
    Change(since_midnight("09:00"), INSURANCE, Mood.DOWN, "goes down: connections are refused"),
    Change(since_midnight("10:30"), INSURANCE, Mood.STARTING, "listens again, and answers 503 while it starts"),
    Change(since_midnight("12:00"), INSURANCE, Mood.WELL, "is well again"),
    Change(since_midnight("14:30"), JOBS, Mood.HANGING, "hangs: it takes connections and answers nothing"),
    Change(since_midnight("16:30"), JOBS, Mood.WELL, "is well again"),
)
MORNING_RETRY: Final = since_midnight("13:00")
ROLLOUT: Final = since_midnight("18:30")
ROLLED_OUT: Final = 2


class Incidents:
    """`happen` runs beside the day; `end` sees to it that nothing is left broken."""

    def __init__(self, system: System, observed: Observed, clock: DayClock, on_call: OnCall, screen: Screen) -> None:
        self._system = system
        self._observed = observed
        self._clock = clock
        self._on_call = on_call
        self._screen = screen

    async def happen(self, until: timedelta) -> None:
        """Everything before that time of day."""
        async with asyncio.TaskGroup() as tasks:
            for service in dict.fromkeys(change.service for change in CHANGES):
                tasks.create_task(self._changes_of(service, until))
            if until > MORNING_RETRY:
                tasks.create_task(self._retry_in_the_morning())
            if until > ROLLOUT:
                tasks.create_task(self._roll_out())

    async def end(self) -> None:
        for service in self._system.services.values():
            await service.becomes(Mood.WELL)

    async def _changes_of(self, service: str, until: timedelta) -> None:
        """An outage ends no earlier than with its first dead letter, however slow this machine is."""
        outage = None
        for change in CHANGES:
            if change.service != service or change.at >= until:
                continue
            await self._clock.reaches(change.at)
            if outage is not None:
                await self._until(lambda: self._has_letters(service))
                outage.ended = time.time()
            outage = Outage(service, change.told.partition(":")[0], time.time())
            if change.mood is not Mood.WELL:
                self._observed.outages.append(outage)
            await self._system.services[service].becomes(change.mood)
            self._screen.say(self._clock.text(), f"{service} {change.told}")

    async def _has_letters(self, service: str) -> bool:
        return await self._system.database.letters_of(service) > 0

    async def _retry_in_the_morning(self) -> None:
        """The person on call looks at /health until the breaker has closed, then sends again what piled up."""
        await self._clock.reaches(MORNING_RETRY)
        if not await self._system.breaker_is_closed(INSURANCE):
            self._screen.say(self._clock.text(), f"/health says that the breaker of {INSURANCE} is still open")
            await self._until(lambda: self._system.breaker_is_closed(INSURANCE))
            self._screen.say(self._clock.text(), f"its probe got through, and what was parked for {INSURANCE} flows")
        await self._on_call.sends_again(INSURANCE, self._clock.text)

    async def _roll_out(self) -> None:
        await self._clock.reaches(ROLLOUT)
        self._screen.say(self._clock.text(), f"router {ROLLED_OUT} is drained and started anew, as in a rollout")
        self._observed.router_exits.append(await self._system.restart(ROLLED_OUT))
        self._screen.say(self._clock.text(), f"router {ROLLED_OUT} is back")

    async def _until(self, happened: Callable[[], Awaitable[bool]]) -> None:
        """Or until patience is at its end: then what follows, and the checks, show what is wrong."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _PATIENCE_SECONDS
        while not await happened() and loop.time() < give_up:  # noqa: ASYNC110 - the system is asked, no flag
            await asyncio.sleep(_LOOK_SECONDS)
