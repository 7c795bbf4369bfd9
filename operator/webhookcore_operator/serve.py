"""The operator's own listener: /healthz, /readyz and /metrics."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from webhookcore_operator.leader import Leadership
from webhookcore_operator.metrics import Metrics


class PortTakenError(Exception):
    """The port cannot be listened on."""


class Health:
    """Whether the process is worth keeping. A replica that waits for the lease is well."""

    def __init__(
        self, leadership: Leadership, *, stale_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._leadership = leadership
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._resynced_at: float | None = None

    def resynced(self) -> None:
        self._resynced_at = self._clock()

    def problem(self) -> str:
        """What is wrong with it, or nothing. An API server that is away is no fault of this process's."""
        if self._resynced_at is None:
            return ""
        if not self._leadership.leads:
            return "the leader's lease is lost"
        age = self._clock() - self._resynced_at
        return f"no resync for {age:.0f} s" if age > self._stale_seconds else ""


@asynccontextmanager
async def serving(port: int, health: Health, metrics: Metrics) -> AsyncIterator[None]:
    """Listens on all addresses while the context lasts. Raises PortTakenError."""

    async def healthz(_: web.Request) -> web.Response:
        problem = health.problem()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", show_metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, None, port).start()
        except OSError as error:
            raise PortTakenError(f"the port {port} cannot be listened on: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()
