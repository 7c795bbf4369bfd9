"""The router's answers: every one carries its ids and its latency; every error has a stable code."""

import json
import time
from collections.abc import Iterator
from typing import Any

from sanic import HTTPResponse, Request

from webhookcore import headers
from webhookcore_router.correlation import Correlation, correlate

_ERROR_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    417: "expectation_failed",
    500: "internal_error",
    503: "unavailable",
}


class Answer(HTTPResponse):
    """An answer whose headers are ASCII without controls by the way they are made: names are constants; ids, routes and
    numbers were checked before. Sanic's own sanitising of each costs more than all the rest of an answer.
    """

    __slots__ = ()

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        self.headers.setdefault("content-type", self.content_type)
        return iter([(name.encode(), str(value).encode()) for name, value in self.headers.items()])


def arrive(request: Request) -> Correlation:
    """Notes when a request came and what it is called; the same answer when asked again."""
    context = request.ctx
    try:
        known: Correlation = context.correlation
    except AttributeError:
        context.started = time.monotonic()
        known = context.correlation = correlate(request.headers)
    return known


def milliseconds(request: Request) -> float:
    """Since `arrive`."""
    started: float = request.ctx.started
    return (time.monotonic() - started) * 1000


def answer(
    request: Request,
    status: int,
    body: bytes,
    extra: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> HTTPResponse:
    """An answer with X-Request-ID, X-Correlation-ID and X-WA-Core-Latency."""
    known = arrive(request)
    fields = {
        headers.REQUEST_ID: known.request_id,
        headers.CORRELATION_ID: known.correlation_id,
        headers.CORE_LATENCY: f"{milliseconds(request):.0f}ms",
    }
    if extra:
        fields |= extra
    return Answer(body, status, fields, content_type)


def as_json(request: Request, status: int, body: dict[str, Any], extra: dict[str, str] | None = None) -> HTTPResponse:
    return answer(request, status, json.dumps(body, separators=(",", ":")).encode(), extra)


def problem(
    request: Request, status: int, message: str, *, code: str | None = None, extra: dict[str, str] | None = None
) -> HTTPResponse:
    """An error: `{error, message, requestId}`. `code` defaults to the one of the status."""
    error = code or _ERROR_CODES.get(status, "error")
    return as_json(
        request, status, {"error": error, "message": message, "requestId": arrive(request).request_id}, extra
    )
