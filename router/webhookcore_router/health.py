"""Health, liveness, readiness."""

from datetime import UTC

from sanic import HTTPResponse, Request

from webhookcore import __version__
from webhookcore.delivery.breaker import Circuit
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.store.database import UNAVAILABLE
from webhookcore_router.answers import arrive, as_json, problem
from webhookcore_router.router import Router


async def health(request: Request, router: Router) -> HTTPResponse:
    """200, or 503 when the database is away. A service that is down must not take a healthy router out."""
    arrive(request)
    latency: float | None
    try:
        latency = round(await router.database.check(), 1)
    except UNAVAILABLE:
        latency = None
    states = {name: state.state for name, state in router.breakers.states().items()}
    up = latency is not None
    body = {
        "status": "healthy" if up else "unhealthy",
        "service": HOME_SERVICE,
        "timestamp": router.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "checks": {"database": up, "latency": f"{latency}ms" if up else None},
        "microservices": {
            route.name: states[route.name] is Circuit.CLOSED and not route.paused for route in router.routes.named()
        },
        "circuitBreakers": states,
        "version": __version__,
    }
    return as_json(request, 200 if up else 503, body)


async def livez(request: Request) -> HTTPResponse:
    """The process answers: nothing else would be better after a restart."""
    return as_json(request, 200, {"status": "alive"})


async def readyz(request: Request, router: Router) -> HTTPResponse:
    """503 until the schema is right and the lease is held, and again while draining or without the database."""
    if not router.accepting or router.draining:
        return problem(request, 503, router.status, code="not_ready")
    try:
        await router.database.check()
    except UNAVAILABLE:
        return problem(request, 503, "the database does not answer", code="not_ready")
    return as_json(request, 200, {"status": "ready"})
