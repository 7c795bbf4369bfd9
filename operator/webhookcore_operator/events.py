"""Kubernetes events about a resource: one when a condition becomes another, never otherwise."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.conditions import FALSE, ROLLING_OUT, UNKNOWN, Type
from webhookcore_operator.gate import MIGRATING
from webhookcore_operator.kinds import EVENT
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import FIELD_MANAGER

_LONGEST: Final = 1024
"""Bytes, of a note."""

_log = logging.getLogger(__name__)


class Recorder:
    """Writes events as `instance`. One that cannot be written is no reason to stop."""

    def __init__(self, api: Api, instance: str) -> None:
        self._api = api
        self._instance = instance

    async def record(self, resource: Manifest, changed: Iterable[dict[str, Any]]) -> None:
        """One event for each condition that changed; what is not known yet is no news."""
        for condition in changed:
            if condition["status"] != UNKNOWN:
                await self._write(resource, condition)

    async def _write(self, resource: Manifest, condition: dict[str, Any]) -> None:
        metadata = resource["metadata"]
        calm = condition["type"] == Type.SUSPENDED or condition["reason"] in (ROLLING_OUT, MIGRATING)
        body = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
            "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "regarding": {
                "apiVersion": resource["apiVersion"],
                "kind": resource["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": "Normal" if calm or condition["status"] != FALSE else "Warning",
            "reason": condition["reason"],
            "note": _short(f"{condition['type']}: {condition['message']}"),
            "action": "Reconcile",
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._instance,
        }
        try:
            await self._api.create(EVENT, metadata["namespace"], body)
        except (ApiError, *UNREACHABLE) as error:
            why = str(error) or type(error).__name__
            _log.warning("an event about %s/%s was not written: %s", metadata["namespace"], metadata["name"], why)


def _short(text: str) -> str:
    return text.encode()[:_LONGEST].decode(errors="ignore")
