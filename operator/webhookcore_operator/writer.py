"""Makes, changes and deletes a resource's children: what cannot be is found out, what was brought back is counted."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.apply import Applier, Outcome, RefusedError, StrangerError
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import FALSE, NAME_CONFLICT, Type
from webhookcore_operator.kinds import CONFIG_MAP, Kind, kind_of
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.status import Findings
from webhookcore_operator.unread import Unread

CONFLICT_SECONDS: Final = 5.0
"""A name that somebody else has is looked at again so often."""

_log = logging.getLogger(__name__)


class ChildWriter:
    """One for all resources: it remembers what it applied, so that nothing is sent that is so already, and since when
    nobody reads a ConfigMap.
    """

    def __init__(self, api: Api, metrics: Metrics) -> None:
        self._api = api
        self._applier = Applier(api)
        self._metrics = metrics
        self._unread = Unread()

    async def apply(self, wanted: Iterable[Manifest], children: Children, findings: Findings) -> None:
        """Each for itself: one that cannot be must not keep the others from being right. Raises, after all of them,
        the first ApiError that says nothing of the object: a webhook that does not answer, say.
        """
        failed: list[ApiError] = []
        for manifest in wanted:
            try:
                applied = await self._applier.apply(manifest, await children.find(self._api, manifest))
            except StrangerError as error:
                words = f"{error}: delete or rename it, and it is made within {CONFLICT_SECONDS:.0f} s"
                findings.say(Type.SPEC_APPLIED, FALSE, NAME_CONFLICT, words)
                findings.again.append(CONFLICT_SECONDS)
            except RefusedError as error:
                findings.say(Type.SPEC_APPLIED, FALSE, "InvalidSpec", f"the API server refuses the {error}")
            except ApiError as error:
                failed.append(error)
            else:
                children.put(applied.live)
                self._told_of(manifest, applied.outcome)
        if failed:
            raise failed[0]

    async def prune(self, wanted: Iterable[Manifest], children: Children, findings: Findings, now: datetime) -> None:
        """Deletes what is the resource's own and not among `wanted`; a ConfigMap once it had no reader for a while."""
        surplus = list(children.surplus(wanted))
        unread = [live["metadata"]["uid"] for live in surplus if live["kind"] == CONFIG_MAP.name]
        left = self._unread.left(children.owner, unread, now)
        for live in surplus:
            if seconds := left.get(live["metadata"]["uid"]):
                findings.again.append(seconds)
            else:
                await self.delete(live, children)

    async def prune_kind(self, kind: Kind, wanted: Iterable[Manifest], children: Children) -> None:
        """The same for one kind, without waiting for anybody."""
        for live in list(children.surplus(wanted)):
            if live["kind"] == kind.name:
                await self.delete(live, children)

    async def delete(self, live: Manifest, children: Children) -> None:
        await self._api.delete(kind_of(live), live)
        self._applier.forget(live)
        children.drop(live)

    def forget_all(self, namespace: str, name: str) -> None:
        """Of a resource that is gone."""
        self._applier.forget_all(namespace, name)
        self._unread.forget(namespace, name)

    def _told_of(self, manifest: Manifest, outcome: Outcome) -> None:
        if outcome in (Outcome.SKIPPED, Outcome.SAME):
            return
        metadata = manifest["metadata"]
        _log.info("%s %s/%s: %s", manifest["kind"], metadata["namespace"], metadata["name"], outcome)
        if outcome is Outcome.REPAIRED:
            self._metrics.drift.labels(manifest["kind"]).inc()
