"""The operator's process: leads or waits, watches and resyncs, and stops in order."""

import asyncio
import logging
import os
import random
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import kopf

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.events import Recorder
from webhookcore_operator.handlers import registry_for, settings
from webhookcore_operator.leader import Leadership, NotLeaderError, Times
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.reconcile import Reconciler
from webhookcore_operator.scope import RETRY_SECONDS, Scope, ScopeChangedError, look, scope_at_last
from webhookcore_operator.serve import Health, serving
from webhookcore_operator.service_account import own_reference
from webhookcore_operator.work_queue import Key, WorkQueue

_STOP_SECONDS: Final = 10.0
_LONGEST_RESYNC: Final = 86400
_LAST_PORT: Final = 65535
_WATCHING: Final = "watching"

_log = logging.getLogger(__name__)


class MisconfiguredError(Exception):
    """The operator's environment lacks something or makes no sense; the message says what."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator's own Deployment tells it."""

    image: str
    """The operator's own image, for resources that name none."""
    namespace: str
    """Where its Lease is."""
    identity: str
    watched: tuple[str, ...] = ()
    """Namespaces; empty: all."""
    resync_seconds: float = 120.0
    port: int = 8080
    times: Times = field(default_factory=Times)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Raises MisconfiguredError."""
        image = environ.get("WEBHOOKCORE_OPERATOR_IMAGE", "").strip()
        if not image:
            raise MisconfiguredError("WEBHOOKCORE_OPERATOR_IMAGE must name the operator's own image")
        watched = environ.get("WEBHOOKCORE_WATCH_NAMESPACES", "")
        try:
            resync = float(environ.get("WEBHOOKCORE_RESYNC_SECONDS", "120"))
            port = int(environ.get("WEBHOOKCORE_OPERATOR_PORT", "8080"))
        except ValueError as error:
            raise MisconfiguredError(
                f"WEBHOOKCORE_RESYNC_SECONDS and WEBHOOKCORE_OPERATOR_PORT must be numbers: {error}"
            ) from None
        if not 1 <= resync <= _LONGEST_RESYNC:  # neither is NaN
            raise MisconfiguredError(f"WEBHOOKCORE_RESYNC_SECONDS must be 1 to {_LONGEST_RESYNC}")
        if not 1 <= port <= _LAST_PORT:
            raise MisconfiguredError(f"WEBHOOKCORE_OPERATOR_PORT must be 1 to {_LAST_PORT}")
        return cls(
            image,
            environ.get("POD_NAMESPACE") or "default",
            environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
            tuple(name for part in watched.split(",") if (name := part.strip())),
            resync,
            port,
        )


async def operate(options: Options) -> int:
    """Runs until SIGTERM or SIGINT; the exit code: 0, or 1 where it cannot go on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    metrics = Metrics()
    leadership = Leadership(
        identity=options.identity, namespace=options.namespace, owner=own_reference(), times=options.times
    )
    health = Health(leadership, stale_seconds=options.resync_seconds * 3)
    plain, gated = await Api.connect(), await Api.connect(leadership.gate)
    stopping = asyncio.create_task(stop.wait())
    async with serving(options.port, health, metrics):
        try:
            acquiring = asyncio.create_task(leadership.acquire(plain))
            await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if acquiring.done():
                acquiring.result()
                return await _lead(options, plain, gated, leadership, health, metrics, stopping)
            acquiring.cancel()
            return 0
        finally:
            stopping.cancel()
            await leadership.release(plain)
            await gated.close()
            await plain.close()


async def _lead(  # noqa: PLR0917 - what the process is made of
    options: Options,
    plain: Api,
    gated: Api,
    leadership: Leadership,
    health: Health,
    metrics: Metrics,
    stopping: asyncio.Task[bool],
) -> int:
    leadership.watch()
    metrics.leader.set(1)
    keeping = asyncio.create_task(leadership.keep(plain), name="lease")
    looking = asyncio.create_task(scope_at_last(options.watched, gated), name="scope")
    await asyncio.wait({keeping, looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not looking.done():
        looking.cancel()
        metrics.leader.set(0)
        ended = _verdict([keeping])
        keeping.cancel()
        return ended
    scope = looking.result()
    recorder = Recorder(gated, options.identity)

    def wake(key: Key) -> None:
        queue.add(key)

    reconciler = Reconciler(
        gated, image=options.image, monitoring=scope.kinds, metrics=metrics, recorder=recorder, wake=wake
    )
    queue = WorkQueue(reconciler.reconcile)
    metrics.depth.set_function(lambda: queue.depth)
    stop_kopf = asyncio.Event()
    watching = asyncio.create_task(
        kopf.operator(
            registry=registry_for(queue, scope.kinds),
            settings=settings(),
            standalone=True,
            clusterwide=not options.watched,
            namespaces=sorted(scope.namespaces) if options.watched else (),
            stop_flag=stop_kopf,
        ),
        name=_WATCHING,
    )
    parts = [
        keeping,
        asyncio.create_task(queue.run(), name="queue"),
        asyncio.create_task(_resync(options, gated, scope, queue, health, metrics), name="resync"),
        watching,
    ]
    try:
        await asyncio.wait({*parts, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if any(part.done() and _error(part) is None for part in parts):
            # By kopf: it takes the signals over while it runs, and cancels what runs beside it as it ends.
            await asyncio.wait({watching}, timeout=_STOP_SECONDS)
        return _verdict(parts)
    finally:
        metrics.leader.set(0)
        stop_kopf.set()
        await asyncio.wait({watching}, timeout=_STOP_SECONDS)
        for part in parts:
            part.cancel()
        await asyncio.wait(parts, timeout=_STOP_SECONDS)


def _verdict(parts: list[asyncio.Task[None]]) -> int:
    """The exit code after one of the parts ended, or none of them when somebody asked to stop. Where kopf ends by
    itself it cancels what the others are doing: they are not to blame.
    """
    if any(part.get_name() == _WATCHING and part.done() and _error(part) is None for part in parts):
        return 0  # it was asked to stop
    for part in sorted(parts, key=asyncio.Task.cancelled):
        if part.done():
            error = _error(part)
            if isinstance(error, NotLeaderError):
                _log.error("%s: another replica goes on", error)
            elif isinstance(error, ScopeChangedError):
                _log.warning("%s", error)
                return 0
            else:
                _log.critical("the operator's %s ended by a defect", part.get_name(), exc_info=error)
            return 1
    return 0


def _error(part: asyncio.Task[None]) -> BaseException | None:
    return None if part.cancelled() else part.exception()


async def _resync(  # noqa: PLR0917 - as `_lead`
    options: Options, api: Api, watched: Scope, queue: WorkQueue, health: Health, metrics: Metrics
) -> None:
    """Looks at everything now and then: watches lose what happens while they are away. Raises ScopeChangedError."""
    known: set[Key] = set()
    while True:
        try:
            scope, found = await look(options.watched, api)
        except (ApiError, *UNREACHABLE) as error:
            _log.warning("resync failed, again in %.0f s: %s", RETRY_SECONDS, str(error) or type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if scope != watched:
            raise ScopeChangedError(scope, watched)
        keys = {Key(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found}
        for key in sorted(keys | known):
            queue.add(key)
        known = keys
        metrics.last_resync.set_to_current_time()
        health.resynced()
        await asyncio.sleep(options.resync_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - it spreads load
