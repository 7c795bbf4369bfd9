"""POST {path}: signature, parse, split, keep, answer. GET {path}: Meta's handshake."""

import hmac
import math
from collections.abc import Sequence

from sanic import HTTPResponse, Request

from webhookcore import headers
from webhookcore.notification.parse import NotANotification, parse_notification
from webhookcore.notification.split import split
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.settings import OnExceed
from webhookcore.signature import verify
from webhookcore_router.answers import answer, arrive, milliseconds, problem
from webhookcore_router.committer import NotKeptError
from webhookcore_router.router import Router
from webhookcore_router.submission import Submission, Verdict

_NO_ROUTE = "none"
_SOON = {"Retry-After": "1"}


class Receiver:
    """The public listener's two handlers."""

    def __init__(self, router: Router, app_secrets: Sequence[bytes], verify_token: str) -> None:
        self._router = router
        self._app_secrets = tuple(app_secrets)
        self._verify_token = verify_token.encode()

    async def handshake(self, request: Request) -> HTTPResponse:
        """Meta asks once, when the callback URL is set."""
        arrive(request)
        given = request.get_args(keep_blank_values=True)
        if any(len(values) != 1 for name, values in given.items() if name.startswith("hub.")):
            return problem(request, 400, "each hub.* parameter must be given exactly once")
        mode, token, challenge = (str(given.get(f"hub.{name}", "")) for name in ("mode", "verify_token", "challenge"))
        known = hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._verify_token)
        if not (known and self._verify_token and mode == "subscribe" and challenge):
            self._refused(request, "handshake")
            return problem(request, 403, "hub.mode must be subscribe, hub.verify_token the token that was set here")
        extra = {"X-Content-Type-Options": "nosniff"}
        return answer(request, 200, challenge.encode("utf-8", "replace"), extra, "text/plain; charset=utf-8")

    async def receive(self, request: Request) -> HTTPResponse:
        """200 only for what is durable."""
        arrive(request)
        response = self._refusal(request) or await self._keep(request)
        self._router.reports.answered(str(response.status)).inc()
        return response

    def _refusal(self, request: Request) -> HTTPResponse | None:
        """Why this request is not even read."""
        if not self._router.accepting:
            return problem(request, 503, "not ready to accept notifications", extra=_SOON)
        if not self._router.committer.has_room(len(request.body)):
            message = "too much is waiting to be kept; send it again"
            return problem(request, 503, message, code="overloaded", extra=_SOON)
        if not verify(request.body, _joined(request.headers.getall(headers.SIGNATURE, None)), self._app_secrets):
            self._refused(request, "signature")
            message = f"{headers.SIGNATURE} must be sha256=<hex HMAC of the body with the app secret>"
            return problem(request, 401, message, code="invalid_signature")
        if request.headers.get(headers.ROUTED_FROM) == HOME_SERVICE:
            return problem(request, 400, "this came from a Webhook Core: a route points at it", code="loop")
        return None

    async def _keep(self, request: Request) -> HTTPResponse:
        known, body, router = arrive(request), request.body, self._router
        try:
            events = split(parse_notification(body), body)
        except NotANotification as error:
            return problem(request, 400, str(error), code="not_a_notification")
        submission = Submission(events, router.now(), known.correlation_id, known.request_id, known.traceparent)
        try:
            verdicts = await router.committer.submit(submission, len(body))
        except NotKeptError as error:
            return problem(request, 503, f"not kept: {error}; send it again", extra=_SOON)
        router.reports.received(submission, verdicts, len(body), milliseconds(request))
        return _accepted(request, verdicts)

    def _refused(self, request: Request, what: str) -> None:
        known = arrive(request)
        self._router.reports.auth_failed(known.correlation_id, known.request_id, what)


def _joined(values: list[str] | None) -> str | None:
    """A header that must be there once: two of it are as good as a wrong one."""
    return None if not values else ", ".join(values)


def _accepted(request: Request, verdicts: list[Verdict]) -> HTTPResponse:
    first = verdicts[0]
    extra = {
        headers.ROUTED_SERVICE: first.route or _NO_ROUTE,
        headers.ROUTING_REASON: first.reason,
        headers.EVENT_COUNT: str(len(verdicts)),
    }
    waits = [verdict.wait_seconds or 0.0 for verdict in verdicts if verdict.limited is OnExceed.REJECT]
    if waits:
        extra["Retry-After"] = str(max(1, math.ceil(max(waits))))
        message = f"{len(waits)} of {len(verdicts)} events are over their sender's rate limit and were not kept"
        return problem(request, 429, message, code="rate_limited", extra=extra)
    return answer(request, 200, b'{"status":"accepted"}', extra)
