"""What the operator tells of a resource as events, at the real API server."""

from typing import Any

import pytest
from tests.cluster.support import manifests
from tests.cluster.support.client import connected
from tests.cluster.support.kubectl import Kubectl
from tests.cluster.support.namespace import Namespace

from webhookcore_operator.api import Api
from webhookcore_operator.events import Recorder
from webhookcore_operator.render.names import FIELD_MANAGER

Manifest = dict[str, Any]


def _resource(namespace: Namespace) -> Manifest:
    """What an event can be about: anything that is there."""
    namespace.kubectl.apply(manifests.config_map("subject", {}))
    live = namespace.kubectl.must_get("configmap", "subject")
    return {**live, "apiVersion": "v1", "kind": "ConfigMap"}


def _told(kubectl: Kubectl) -> list[tuple[str, str, str]]:
    return [
        (each["type"], each["reason"], each["note"])
        for each in kubectl.all("events.events.k8s.io")
        if each.get("reportingController") == FIELD_MANAGER
    ]


async def test_events_of_conditions(api: Api, namespace: Namespace) -> None:
    """A warning for what is wrong, a normal one for what is well or takes its time, none for what is not known."""

    def condition(type_: str, status: str, reason: str, message: str = "words") -> Manifest:
        return {"type": type_, "status": status, "reason": reason, "message": message}

    changed = [
        condition("Ready", "True", "Ready"),
        condition("SpecApplied", "False", "InvalidSpec", "ä" * 4000),
        condition("SpecApplied", "False", "RollingOut"),
        condition("DatabaseMigrated", "Unknown", "NotLookedAt"),
        condition("Suspended", "False", "NotSuspended"),
    ]
    await Recorder(api, "a-pod").record(_resource(namespace), changed)
    told = _told(namespace.kubectl)
    assert sorted((type_, reason) for type_, reason, _ in told) == [
        ("Normal", "NotSuspended"),
        ("Normal", "Ready"),
        ("Normal", "RollingOut"),
        ("Warning", "InvalidSpec"),
    ]
    assert max(len(note.encode()) for _, _, note in told) <= 1024


async def test_an_event_that_cannot_be_written(namespace: Namespace, caplog: pytest.LogCaptureFixture) -> None:
    """Is logged, and nothing else: it is no reason to stop."""
    changed = [{"type": "Ready", "status": "True", "reason": "Ready", "message": "words"}]
    async with connected(namespace.cluster, host="https://127.0.0.1:1") as away:
        await Recorder(away, "a-pod").record(_resource(namespace), changed)
    assert "an event about" in caplog.text
