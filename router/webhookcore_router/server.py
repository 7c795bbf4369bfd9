"""The router's process: both listeners in one event loop, signals, and the order in which it starts and stops."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Any

import uvloop
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP

from webhookcore.settings import Settings
from webhookcore_router.apps import App, internal_app, public_app
from webhookcore_router.limits import Limits
from webhookcore_router.lingering import LingeringHttpProtocol
from webhookcore_router.router import Router

_log = logging.getLogger(__name__)
_BACKLOG = 2048


class PortTakenError(Exception):
    """Another process listens there; the message names the port."""


def run(
    settings: Settings, public_port: int, internal_port: int, *, host: str = "", limits: Limits | None = None
) -> int:
    """Serves until SIGTERM or SIGINT, then drains. The exit code: 0, or 1 after a defect.

    Raises PortTakenError, and UrlError where the database's URL is none.
    """
    _allow_many_connections()
    return uvloop.run(_serve(settings, public_port, internal_port, host, limits or Limits()))


async def _serve(settings: Settings, public_port: int, internal_port: int, host: str, limits: Limits) -> int:
    sockets = [_listen(host, port) for port in (public_port, internal_port)]
    ports = tuple(sock.getsockname()[1] for sock in sockets)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    router = Router(settings, limits, ports, on_failure=stop.set)
    public, internal = [
        await _start(app, sock)
        for app, sock in zip((public_app(settings, router), internal_app(settings, router)), sockets, strict=True)
    ]
    _log.info("listening on port %d (public) and %d (internal)", *ports)
    starting = asyncio.create_task(router.start(_age_of_process))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if starting.done():
            starting.result()
            _calm_garbage_collection()
            _log.info("ready")
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await _stop(router, public, internal, limits)
    return 1 if router.failed else 0


def _allow_many_connections() -> None:
    """As many files as the machine lets a process have: a common default of 1,024 is little for slow clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if not host and socket.has_dualstack_ipv6() else socket.AF_INET
    if ":" in host:
        family = socket.AF_INET6
    try:
        sock = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=family is socket.AF_INET6 and not host
        )
    except OSError as error:
        raise PortTakenError(f"port {port} cannot be listened on: {error.strerror}") from error
    sock.setblocking(False)
    return sock


async def _start(app: App, sock: socket.socket) -> Any:
    # What `app.run` would note here; without it Sanic sends an empty Alt-Svc with every answer.
    app.state.server_info.append(ApplicationServerInfo(settings={"version": HTTP.VERSION_1}))
    server: Any = await app.create_server(sock=sock, protocol=LingeringHttpProtocol)  # Sanic's own types end here
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    return server


async def _stop(router: Router, public: Any, internal: Any, limits: Limits) -> None:
    """Readiness 503 → serve a little more → accept nothing new → finish → flush → give leases back."""
    router.draining = True
    router.status = "draining"
    for server in (public, internal):
        # Each answer ends its connection: whoever keeps one open would meet its end with a request under way.
        server.app.config.KEEP_ALIVE = False
    if router.accepting and not router.failed:
        _log.info("draining: serving %.0f s more", limits.drain_serve_seconds)
        await asyncio.sleep(limits.drain_serve_seconds)
    for server in (public, internal):
        server.close()
    await _finish(public, internal)
    router.accepting = False
    await router.drain()
    _log.info("drained")


async def _finish(*servers: Any) -> None:
    """Waits for requests under way; idle connections are closed."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        busy = [conn for server in servers for conn in list(server.connections) if not conn.close_if_idle()]
        if not busy:
            return
        await asyncio.sleep(0.02)


def _calm_garbage_collection() -> None:
    """What was loaded stays, and a request leaves next to no cycles: look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _age_of_process() -> float:
    """Seconds since the kernel started this process; imports count."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[19])
    except (OSError, ValueError, IndexError):
        return time.monotonic() - _STARTED
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


_STARTED = time.monotonic()
