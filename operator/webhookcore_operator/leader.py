"""One leader among the operator's replicas: a Lease, renewed by heartbeat and judged by the monotonic clock.

Kubernetes fences nobody: a former leader that was stopped for a minute goes on where it was. So `gate` is asked before
each write, and a watchdog thread, which needs no event loop, ends a process that could not renew.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.kinds import LEASE
from webhookcore_operator.render.inputs import Manifest

NAME: Final = "webhookcore-operator"
"""The Lease's, in the operator's own namespace."""
_EXIT_LOST: Final = 1
_DELETED: Final = ""
"""The version of a lease that is not there any more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds."""

    duration: float = 30.0
    """A lease that was not renewed for so long, as others see it, may be taken over."""
    deadline: float = 20.0
    """A leader that could not renew for so long writes nothing more, and ends."""
    retry: float = 5.0
    request: float = 4.0
    """What is not answered by then is asked again: a connection that went dead must not cost the leadership."""


class NotLeaderError(Exception):
    """This process must not write: it does not hold the lease, or may not hold it any more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A lease as somebody else holds it: it runs out when it stood unchanged for its whole duration."""

    version: str
    since: float
    """Monotonic."""
    duration: float


class Leadership:
    """`acquire`, then `keep`; `gate` for every write meanwhile; `release` last."""

    def __init__(
        self,
        *,
        identity: str,
        namespace: str,
        owner: Manifest | None = None,
        times: Times | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`owner` is a reference to what the Lease is to go with."""
        self._identity = identity
        self._namespace = namespace
        self._owner = owner
        self._times = times or Times()
        self._clock = clock
        self._until = 0.0
        self._lease: Manifest | None = None
        self._seen: Seen | None = None

    @property
    def leads(self) -> bool:
        """Whether this process may write."""
        return self._clock() < self._until

    def gate(self) -> None:
        """Raises NotLeaderError where a write must not be sent."""
        if not self.leads:
            raise NotLeaderError("the leader's lease is not held, or its deadline has passed")

    async def acquire(self, api: Api) -> None:
        """Returns when this process leads. `api` is one without a gate."""
        while not await self._try(api):  # noqa: ASYNC110 - it is the API server that is asked
            await asyncio.sleep(self._times.retry)
        _log.info("leading as %s", self._identity)

    async def keep(self, api: Api) -> None:
        """Renews until the lease is lost; raises NotLeaderError then."""
        while True:
            await asyncio.sleep(self._times.retry)
            if not await self._try(api) and not self.leads:
                raise NotLeaderError("the leader's lease could not be renewed in time")

    async def release(self, api: Api) -> None:
        """Lets another take over at once. Nothing may be written any more."""
        held, self._until = self._lease, 0.0
        if held is None:
            return
        held["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await api.replace(LEASE, self._namespace, NAME, held)
        except (ApiError, *UNREACHABLE) as error:
            _log.warning("the lease is not released, it runs out by itself: %s", str(error) or type(error).__name__)

    def watch(self) -> None:
        """Starts the thread that ends this process when its lease's deadline passes; once it leads."""
        threading.Thread(target=self._watchdog, name="leader-watchdog", daemon=True).start()

    def _watchdog(self) -> None:
        while self._until:  # 0: released
            if not self.leads:
                _log.critical("the leader's lease could not be renewed in time: ending at once")
                os._exit(_EXIT_LOST)
            time.sleep(0.5)

    async def _try(self, api: Api) -> bool:
        """Takes or renews the lease; False where somebody else holds it or there is no answer."""
        started = self._clock()
        try:
            async with asyncio.timeout(self._times.request):
                lease = await api.get(LEASE, self._namespace, NAME)
                if not self._may_take(lease):
                    self._lease, self._until = None, 0.0
                    return False
                wanted = self._claimed(lease)
                if lease is None:
                    self._lease = await api.create(LEASE, self._namespace, wanted)
                else:
                    self._lease = await api.replace(LEASE, self._namespace, NAME, wanted)
        except (ApiError, *UNREACHABLE) as error:
            if isinstance(error, ApiError) and error.conflict:
                _log.info("another replica was quicker to take the lease")
            else:
                _log.warning("the lease was not renewed: %s", str(error) or type(error).__name__)
            return False
        self._until = started + self._times.deadline
        return True

    def _may_take(self, lease: Manifest | None) -> bool:
        """One that somebody deleted is still its holder's, who makes it anew with the next renewal: who it was last
        cannot be known, so its absence has to last as long as a lease that nobody renews.
        """
        if lease is None:
            if self._seen is None:  # nor was there ever one
                return True
            version, duration = _DELETED, self._seen.duration
        else:
            spec = lease.get("spec") or {}
            if (spec.get("holderIdentity") or "") in ("", self._identity):
                self._seen = None
                return True
            version = lease["metadata"]["resourceVersion"]
            duration = float(spec.get("leaseDurationSeconds") or self._times.duration)
        if self._seen is None or self._seen.version != version:
            self._seen = Seen(version, self._clock(), duration)
        return self._clock() - self._seen.since > self._seen.duration

    def _claimed(self, lease: Manifest | None) -> Manifest:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        before: dict[str, Any] = (lease or {}).get("spec") or {}
        mine = before.get("holderIdentity") == self._identity
        transitions = before.get("leaseTransitions") or 0
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.duration),
            "acquireTime": before.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": transitions if mine or lease is None else transitions + 1,
        }
        metadata = dict(lease["metadata"]) if lease else {"name": NAME, "namespace": self._namespace}
        if self._owner is not None:
            metadata["ownerReferences"] = [self._owner]
        return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
