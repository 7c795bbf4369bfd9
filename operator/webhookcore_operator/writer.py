"""Makes, changes and deletes a resource's children: what cannot be is found out, what was brought back is counted."""

import logging
from collections.abc import Iterable
from typing import Final

from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.apply import Applier, Outcome, RefusedError, StrangerError
from webhookcore_operator.children import Children
from webhookcore_operator.conditions import FALSE, Type
from webhookcore_operator.kinds import Kind, kind_of
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.status import Findings

CONFLICT_SECONDS: Final = 5.0
"""A name that somebody else has is looked at again so often."""

_log = logging.getLogger(__name__)


class ChildWriter:
    """One for all resources: it remembers what it applied, so that nothing is sent that is so already."""

    def __init__(self, api: Api, metrics: Metrics) -> None:
        self._api = api
        self._applier = Applier(api)
        self._metrics = metrics

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
                findings.say(Type.SPEC_APPLIED, FALSE, "NameConflict", words)
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

    async def prune(self, wanted: Iterable[Manifest], children: Children, *, only: Kind | None = None) -> None:
        """Deletes what is the resource's own and not among `wanted`: all of it, or that of one kind."""
        for live in list(children.surplus(wanted)):
            if only is None or live["kind"] == only.name:
                await self.delete(live, children)

    async def delete(self, live: Manifest, children: Children) -> None:
        await self._api.delete(kind_of(live), live)
        self._applier.forget(live)
        children.drop(live)

    def forget_all(self, namespace: str, name: str) -> None:
        """Of a resource that is gone."""
        self._applier.forget_all(namespace, name)

    def _told_of(self, manifest: Manifest, outcome: Outcome) -> None:
        if outcome in (Outcome.SKIPPED, Outcome.SAME):
            return
        metadata = manifest["metadata"]
        _log.info("%s %s/%s: %s", manifest["kind"], metadata["namespace"], metadata["name"], outcome)
        if outcome is Outcome.REPAIRED:
            self._metrics.drift.labels(manifest["kind"]).inc()
