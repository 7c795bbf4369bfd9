"""POST /internal/deliver: the dlq-processor's way to a service. Answers what happened; keeps nothing."""

import math
from datetime import timedelta

from sanic import HTTPResponse, Request

from webhookcore import headers
from webhookcore.delivery.outcome import Abandoned, FailureCode, Parked
from webhookcore.redelivery import Answer, DecodeError, Redelivery, decode, encode_outcome
from webhookcore.signature import verify_forward
from webhookcore.store.database import UNAVAILABLE
from webhookcore.store.rows import Row
from webhookcore_router.answers import answer, arrive, problem
from webhookcore_router.router import Router
from webhookcore_router.sender import LeaseLostError

_PAUSE = timedelta(minutes=5)
_BUSY = timedelta(seconds=15)
_ROLLOUT = timedelta(minutes=10)
"""While a new config rolls out, an old router does not know a new route: what came lately waits for one that does."""
_UNKNOWN = timedelta(minutes=1)
_SLOT_SECONDS = 1.5
_NO_ROW = 0


class Redeliverer:
    """Delivers a dead letter to the route that was decided first, or parks it; never reads or writes a session."""

    def __init__(self, router: Router, internal_secret: bytes) -> None:
        self._router = router
        self._secret = internal_secret

    async def deliver(self, request: Request) -> HTTPResponse:
        """The answer is a well-formed outcome exactly when the router judged the delivery."""
        known = arrive(request)
        now = math.floor(self._router.now().timestamp())
        signatures = request.headers.getall(headers.INTERNAL_FORWARD, None) or []
        if len(signatures) != 1 or not verify_forward(request.body, signatures[0], self._secret, now):
            self._router.reports.auth_failed(known.correlation_id, known.request_id, "internal forward")
            message = f"{headers.INTERNAL_FORWARD} must sign the body with the internal secret, at most 5 minutes ago"
            return problem(request, 401, message, code="invalid_signature")
        try:
            redelivery = decode(request.body)
        except DecodeError as error:
            return problem(request, 400, str(error), code="not_a_redelivery")
        if not self._router.accepting:
            return problem(request, 503, self._router.status)
        try:
            outcome = await self._judge(redelivery)
        except (LeaseLostError, *UNAVAILABLE):
            return problem(request, 503, "this router lost the database", code="not_ready")
        return answer(request, 200, encode_outcome(outcome))

    async def _judge(self, given: Redelivery) -> Answer:
        router, unsent = self._router, given.attempt - 1
        if not router.routes.knows(given.route) and router.now() - given.received_at < _ROLLOUT:
            return Answer(Parked("route_unknown", router.now() + _UNKNOWN), given.route, unsent)
        redelivery = router.routes.resolve(given)
        if redelivery is None:
            detail = f"the route {given.route} is gone, and the text names no other"
            return Answer(Abandoned(FailureCode.ROUTE_GONE, detail), given.route, unsent)
        route = redelivery.route
        if router.routes.paused(route):
            return Answer(Parked("paused", router.now() + _PAUSE), route, unsent)
        probe = await self._takes_probe(route)
        if not probe and router.breakers.is_open(route):
            until = router.breakers.state(route).probe_at
            return Answer(Parked("breaker_open", until or router.now() + _BUSY), route, unsent)
        done = await router.dispatcher.redeliver(_as_row(redelivery), probe=probe, wait_seconds=_SLOT_SECONDS)
        if done is None:
            return Answer(Parked("busy", router.now() + _BUSY), route, unsent)
        outcome, attempts = done
        return Answer(outcome, route, attempts)

    async def _takes_probe(self, route: str) -> bool:
        """Whether this redelivery is the one probe of an open breaker whose wait is over."""
        router = self._router
        if not router.breakers.is_open(route) or route not in router.breakers.due(router.now()):
            return False
        async with router.database.connection() as conn:
            return await router.breakers.take_probe(conn, route, router.lease.me)


def _as_row(redelivery: Redelivery) -> Row:
    return Row(
        _NO_ROW,
        redelivery.sender,
        redelivery.route,
        redelivery.attempt,
        redelivery.received_at,
        redelivery.message_id,
        redelivery.idempotency_key,
        redelivery.reason,
        redelivery.menu_selection,
        redelivery.correlation_id,
        redelivery.request_id,
        redelivery.traceparent,
        redelivery.body,
        redelivery.taken_over,
    )
