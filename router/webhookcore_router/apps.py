"""The two listeners: the public one that Meta calls, and the internal one."""

import logging
from typing import Any

from prometheus_client import generate_latest
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler

from webhookcore.settings import Settings
from webhookcore_router import health
from webhookcore_router.answers import answer, arrive, problem
from webhookcore_router.bodies import BoundedRequest, Receiving
from webhookcore_router.limits import Limits
from webhookcore_router.receive import Receiver
from webhookcore_router.redeliver import Redeliverer
from webhookcore_router.router import Router

App = Sanic[Any, Any]

_log = logging.getLogger(__name__)
_PUBLIC_BODY = 3 * 1024 * 1024
_INTERNAL_BODY = _PUBLIC_BODY + 64 * 1024
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def public_app(settings: Settings, router: Router) -> App:
    """GET and POST {path}, GET /health, GET {path}/health."""
    app = _app("webhookcore-public", _PUBLIC_BODY, router.limits)
    secrets, path = settings.secrets, settings.spec.router.path
    app_secrets = [s for s in (secrets.app_secret, secrets.previous_app_secret) if s]
    receiver = Receiver(router, app_secrets, secrets.verify_token)

    async def show_health(request: Request) -> HTTPResponse:
        return await health.health(request, router)

    app.add_route(receiver.handshake, path, methods=["GET"], name="handshake")
    app.add_route(receiver.receive, path, methods=["POST"], name="receive")
    app.add_route(show_health, "/health", methods=["GET", "HEAD"], name="health")
    app.add_route(show_health, f"{path}/health", methods=["GET", "HEAD"], name="path_health")
    return app


def internal_app(settings: Settings, router: Router) -> App:
    """POST /internal/deliver, GET /metrics, /livez, /readyz."""
    app = _app("webhookcore-internal", _INTERNAL_BODY, router.limits)
    # Sanic rewrites its own protocol class for the first app that starts, the public one; a second time would fail.
    app.config.TOUCHUP = False
    redeliverer = Redeliverer(router, settings.secrets.internal_secret)

    async def metrics(request: Request) -> HTTPResponse:
        arrive(request)
        return answer(request, 200, generate_latest(router.reports.metrics.registry), content_type=_METRICS_TYPE)

    async def ready(request: Request) -> HTTPResponse:
        return await health.readyz(request, router)

    app.add_route(redeliverer.deliver, "/internal/deliver", methods=["POST"], name="deliver")
    app.add_route(metrics, "/metrics", methods=["GET"], name="metrics")
    app.add_route(health.livez, "/livez", methods=["GET"], name="livez")
    app.add_route(ready, "/readyz", methods=["GET"], name="readyz")
    return app


def _app(name: str, most_bytes: int, limits: Limits) -> App:
    """Sanic's defaults are unsafe here: 100 MB bodies, a minute for a slow request."""
    app: App = Sanic(
        name, configure_logging=False, error_handler=_Problems(), request_class=BoundedRequest, strict_slashes=True
    )
    app.ctx.receiving = Receiving(seconds=limits.request_seconds, most_bytes=limits.receiving_bytes)
    app.config.REQUEST_MAX_SIZE = most_bytes
    app.config.REQUEST_TIMEOUT = limits.request_seconds
    app.config.RESPONSE_TIMEOUT = 40
    app.config.KEEP_ALIVE_TIMEOUT = 75
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 10
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    app.config.FALLBACK_ERROR_FORMAT = "json"
    return app


class _Problems(ErrorHandler):
    """Every error in the form of all others. What was unexpected is logged here and not shown."""

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        if isinstance(exception, SanicException):
            extra = {str(name): str(value) for name, value in (exception.headers or {}).items()}
            return problem(request, exception.status_code, str(exception) or "no such thing here", extra=extra)
        _log.error("a request failed by a defect", exc_info=exception)
        return problem(request, 500, "this is a defect; it was logged")
