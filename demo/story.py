"""The demo from its start to its end: the day is played, its troubles are mended, the night cleans up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from demo.clock import DayClock
from demo.company import Company
from demo.day import Notification, clock, since_midnight
from demo.incidents import INSURANCE, JOBS, Incidents
from demo.observed import Observed
from demo.oncall import OnCall
from demo.play import Meta
from demo.reading import items
from demo.screen import Screen
from demo.system import System, running
from demo.verdicts import read_verdicts

BEGIN: Final = since_midnight("06:00")
NOON: Final = since_midnight("12:00")
END: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Story:
    """`day` is played up to `until`, `speed` seconds of it in each second."""

    day: Sequence[Notification]
    until: timedelta
    speed: float
    screen: Screen

    async def tell(self, company: Company, folder: Path, hurry: asyncio.Event) -> Observed:
        """Runs everything in a fresh `folder`; what was seen. `hurry`: what is being stopped is killed instead."""
        observed = Observed()
        self.screen.say("", "starting Postgres in a temporary folder, two routers, five services, a Graph API")
        async with running(company, folder, observed, hurry) as system:
            on_call = OnCall(system, observed, self.screen)
            await self._day_passes(system, observed, on_call)
            await on_call.waits_for_quiet()
            if await system.database.letters_of(JOBS):
                await on_call.sends_again(JOBS, lambda: "22:00")
            await on_call.works_off(lambda: "23:00")
            observed.left = await system.database.waiting()
            observed.letters = await system.database.letters()
            await on_call.cleans_up(self._gone_by_noon(), processed_of=INSURANCE, abandoned_of=INSURANCE)
            observed.router_exits += await system.stop_routers()
            observed.verdicts = read_verdicts(router.events for router in system.routers)
        return observed

    async def _day_passes(self, system: System, observed: Observed, on_call: OnCall) -> None:
        people = len(self._last_messages())
        self.screen.say(
            clock(BEGIN),
            f"the day begins: {len(self.day)} notifications, messages of {people} people, "
            f"{self.speed:.0f} times as fast as they came",
        )
        day_clock = DayClock(BEGIN, self.speed)
        urls = [router.url for router in system.routers]
        meta = Meta(system.client, urls, system.company.app_secret, observed.answers)
        incidents = Incidents(system, observed, day_clock, on_call, self.screen)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(incidents.happen(self.until))
            tasks.create_task(
                meta.play(self.day, day_clock, lambda done: self.screen.shows(day_clock.text(), done, len(self.day)))
            )
        await incidents.end()
        self.screen.say(day_clock.text(), "the day is over; what is parked, delayed or under way goes on")

    def _gone_by_noon(self) -> list[str]:
        """Whoever wrote in the morning alone: theirs are the sessions that may be gone tomorrow."""
        return [sender for sender, at in self._last_messages().items() if at < NOON]

    def _last_messages(self) -> dict[str, timedelta]:
        """When each person wrote last."""
        last: dict[str, timedelta] = {}
        for notification in self.day:
            for item in items(notification.body):
                if item.message_id is not None and notification.signed_by == "meta":
                    last[item.lane_of] = notification.at
        return last
