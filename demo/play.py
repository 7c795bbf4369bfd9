"""Plays the day as Meta: posts each notification at its time, one person's in order, and again until it is taken."""

import asyncio
import hashlib
import hmac
import itertools
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from demo.clock import DayClock
from demo.day import Notification
from demo.observed import Answer
from demo.reading import items

TRIES: Final = 30
PAUSE_SECONDS: Final = 0.5
AT_ONCE: Final = 32
STRANGERS_KEY: Final = b"not the app secret"


class Meta:
    """Posts to one router after the other, as a load balancer would have it."""

    def __init__(self, client: httpx.AsyncClient, urls: Sequence[str], app_secret: str, answers: list[Answer]) -> None:
        self._client = client
        self._urls = itertools.cycle(urls)
        self._app_secret = app_secret.encode()
        self._answers = answers
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def play(self, day: Sequence[Notification], clock: DayClock, told: Callable[[int], None]) -> None:
        """Returns when all are answered; `told` hears how many are so far."""
        last_of: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as posts:
            for notification in day:
                await clock.reaches(notification.at)
                people = {item.lane_of for item in items(notification.body)}
                before = [last_of[person] for person in people if person in last_of]
                task = posts.create_task(self._post_after(before, notification))
                task.add_done_callback(lambda _: told(len(self._answers)))
                last_of |= dict.fromkeys(people - {""}, task)

    async def _post_after(self, before: Sequence[asyncio.Task[None]], notification: Notification) -> None:
        if before:
            await asyncio.wait(before)
        async with self._slots:
            self._answers.append(await self._post(notification))

    async def _post(self, notification: Notification) -> Answer:
        """Meta takes nothing but 200 for an answer; a stranger takes the first."""
        answer = Answer(notification.number, 0, {})
        for _ in range(TRIES):
            try:
                got = await self._client.post(
                    next(self._urls), content=notification.body, headers=self._headers(notification)
                )
            except httpx.TransportError:
                pass  # tried again below, and told as status 0 where it never works
            else:
                headers = {name.lower(): text for name, text in got.headers.items()}
                answer = Answer(notification.number, got.status_code, headers)
                if got.status_code == httpx.codes.OK or notification.signed_by != "meta":
                    break
            await asyncio.sleep(PAUSE_SECONDS)
        return answer

    def _headers(self, notification: Notification) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if notification.signed_by != "nobody":
            key = self._app_secret if notification.signed_by == "meta" else STRANGERS_KEY
            headers["X-Hub-Signature-256"] = f"sha256={hmac.new(key, notification.body, hashlib.sha256).hexdigest()}"
        return headers
