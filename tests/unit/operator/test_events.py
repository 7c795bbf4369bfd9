"""What is told as a Kubernetes event, and how. That the API server takes it is asked in tests/cluster."""

from typing import Any

import pytest
from tests.unit.operator.objects import config

from webhookcore_operator.api import ApiError
from webhookcore_operator.events import Recorder
from webhookcore_operator.kinds import Kind
from webhookcore_operator.render.inputs import Manifest


class Server:
    """Takes events, or refuses them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.taken: list[Manifest] = []
        self._error = error

    async def create(self, kind: Kind, namespace: str, body: Manifest) -> Manifest:
        assert (kind.name, namespace) == ("Event", "shop")
        if self._error:
            raise self._error
        self.taken.append(body)
        return body


async def recorded(*changed: dict[str, Any], error: Exception | None = None) -> list[Manifest]:
    server: Any = Server(error)
    resource = config()
    resource["metadata"]["resourceVersion"] = "12"
    await Recorder(server, "operator-1").record(resource, changed)
    taken: list[Manifest] = server.taken
    return taken


def condition(type_: str, status: str, reason: str = "Why", message: str = "what to do") -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


async def test_an_event_says_what_about_whom() -> None:
    """The resource with its UID: `kubectl describe` finds it by that."""
    (event,) = await recorded(condition("Ready", "False", "SecretMissing", "create it"))
    assert event.pop("eventTime").endswith("Z")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "shop-", "namespace": "shop"},
        "regarding": {
            "apiVersion": "webhookcore.io/v1alpha1",
            "kind": "WebhookCoreConfig",
            "name": "shop",
            "namespace": "shop",
            "uid": "u-1",
            "resourceVersion": "12",
        },
        "type": "Warning",
        "reason": "SecretMissing",
        "note": "Ready: create it",
        "action": "Reconcile",
        "reportingController": "webhookcore-operator",
        "reportingInstance": "operator-1",
    }


@pytest.mark.parametrize(
    ("changed", "type_"),
    [
        (condition("Ready", "True"), "Normal"),
        (condition("Suspended", "True"), "Normal"),
        (condition("Suspended", "False"), "Normal"),
        (condition("SpecApplied", "False", "RollingOut"), "Normal"),
        (condition("DatabaseMigrated", "False", "Migrating"), "Normal"),
        (condition("DatabaseMigrated", "False", "MigrationFailed"), "Warning"),
        (condition("SpecApplied", "False", "RolloutStalled"), "Warning"),
    ],
)
async def test_only_trouble_is_a_warning(changed: dict[str, Any], type_: str) -> None:
    """What is under way is none."""
    assert [event["type"] for event in await recorded(changed)] == [type_]


async def test_what_is_not_known_is_no_news() -> None:
    """The others are told in their order."""
    changed = [condition("Ready", "Unknown"), condition("A", "True"), condition("B", "False")]
    assert [event["note"] for event in await recorded(*changed)] == ["A: what to do", "B: what to do"]


async def test_a_note_is_as_long_as_the_server_takes() -> None:
    """1,024 bytes, not characters; none is cut in two."""
    (event,) = await recorded(condition("A", "True", message="ä" * 2000))
    assert event["note"] == "A: " + "ä" * 510


@pytest.mark.parametrize("error", [ApiError(403, "Forbidden", "no right"), TimeoutError()])
async def test_an_event_that_cannot_be_written_stops_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is only an event."""
    assert await recorded(condition("A", "True"), condition("B", "True"), error=error) == []
    why = str(error) or "TimeoutError"
    assert caplog.text.count(f"an event about shop/shop was not written: {why}\n") == 2
