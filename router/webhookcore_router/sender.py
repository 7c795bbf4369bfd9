"""Delivers one event: its HTTP tries under one deadline, and the outcome that they come to."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import random as system_random
from typing import Final

from pyreqwest.client import Client
from pyreqwest.exceptions import ClientClosedError

from webhookcore.delivery.classify import TryAgain, classify, counts_against_service, give_up
from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode
from webhookcore.delivery.retry_after import parse_retry_after
from webhookcore.delivery.schedule import in_request_delay
from webhookcore_router.exchange import Answer, Outgoing, exchange
from webhookcore_router.outgoing import Delivery, Target

_SHORTEST_TRY_SECONDS: Final = 0.05
"""With less than this left, a further try would only trouble the service."""


class LeaseLostError(Exception):
    """This router may no longer deliver: nothing was sent, or the client was closed under the request. The event stays
    where it was kept, for whoever holds the lease.
    """


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of a delivery."""

    outcome: Delivered | Failed | Abandoned
    attempts_used: int
    """HTTP tries; the last X-WA-Attempt was `delivery.attempt + attempts_used - 1`."""
    elapsed_ms: float

    @property
    def last_status(self) -> int | None:
        return self.outcome.status

    @property
    def service_failed(self) -> bool | None:
        """What it tells the service's breaker; None where nothing was sent."""
        return counts_against_service(self.outcome) if self.attempts_used else None


class Sender:
    """Delivers through one client; safe to use for any number of deliveries at a time."""

    def __init__(
        self,
        client: Client,
        *,
        may_start: Callable[[float], bool],
        refusal: Callable[[str], str | None],
        now: Callable[[], datetime],
        random: Callable[[], float] = system_random,
    ) -> None:
        """`may_start(deadline)`: whether this router's lease outlives a send that may last until then (monotonic).
        `refusal(route)`: why nothing may be sent to a route's address. `now`: the database's time.
        """
        self._client = client
        self._may_start = may_start
        self._refusal = refusal
        self._now = now
        self._random = random

    async def deliver(self, delivery: Delivery, target: Target, deadline: float) -> DeliveryReport:
        """Delivers until `deadline` (monotonic seconds), retries within the request included.

        Raises LeaseLostError. When cancelled, the HTTP try under way ends with its deadline and
        not before: until then its outcome is unknown.
        """
        started = time.monotonic()
        refusal = self._refusal(target.name)
        if refusal is not None:
            return DeliveryReport(Failed(FailureCode.REFUSED_TARGET, refusal), 0, 0.0)
        tries = 0
        outcome: Delivered | Failed | Abandoned | TryAgain = TryAgain(FailureCode.TIMEOUT, "no time was left to send")
        while (left := deadline - time.monotonic()) > 0 and (tries == 0 or left >= _SHORTEST_TRY_SECONDS):
            request = target.request(delivery, delivery.attempt + tries)
            if isinstance(request, Abandoned):
                outcome = request
                break
            if not self._may_start(deadline):
                if tries == 0:
                    raise LeaseLostError
                break
            tries += 1
            outcome = await self._try(request, target, left)
            if not isinstance(outcome, TryAgain) or tries > target.in_request:
                break
            delay = in_request_delay(tries, outcome.retry_after_seconds, self._random())
            if time.monotonic() + delay + _SHORTEST_TRY_SECONDS > deadline:
                break
            await asyncio.sleep(delay)
        if isinstance(outcome, TryAgain):
            outcome = give_up(outcome)
        return DeliveryReport(outcome, tries, (time.monotonic() - started) * 1000)

    async def _try(
        self, request: Outgoing, target: Target, seconds: float
    ) -> Delivered | Failed | Abandoned | TryAgain:
        try:
            answer = await exchange(self._client, request, seconds)
        except ClientClosedError as error:
            raise LeaseLostError from error
        if not isinstance(answer, Answer):
            return target.judge(answer, b"")
        wish = None if answer.retry_after is None else parse_retry_after(answer.retry_after, self._now())
        result = classify(answer.status, target.never, wish)
        return result if isinstance(result, Delivered) else target.judge(result, answer.body)
