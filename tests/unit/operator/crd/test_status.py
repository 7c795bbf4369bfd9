"""What the operator writes to the status is what the CustomResourceDefinition knows: else it would be pruned."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from tests.cluster.crd_cases import GOOD
from tests.unit.operator.crd.words import schema_of_the_file

from webhookcore_operator import conditions, status
from webhookcore_operator.children import Children
from webhookcore_operator.gate import Memory
from webhookcore_operator.render import Owner, names

NOW: Final = "2025-11-24T12:00:00Z"
OWNER: Final = Owner(name="core", namespace="apps", uid="uid")


def _child(kind: str, name: str, **told: Any) -> dict[str, Any]:
    labels = names.labels("core", name)
    owners = [names.owner_reference("core", OWNER.uid)]
    metadata = {"name": name, "generation": 1, "labels": labels, "ownerReferences": owners}
    return {"kind": kind, "apiVersion": names.API_VERSIONS[kind], "metadata": metadata, "spec": {}, "status": told}


def _written() -> dict[str, Any]:
    """A status in which every field says something."""
    live = [
        _child("Deployment", "core-router", replicas=2, readyReplicas=1, conditions=[]),
        _child("CronJob", "dlq-processor", lastScheduleTime=NOW, lastSuccessfulTime=NOW),
        _child("CronJob", "session-cleanup"),
    ]
    live[0]["spec"] = {"template": {"spec": {"containers": [{"image": "ghcr.io/example/webhookcore:1.0.0"}]}}}
    memory = Memory(done="a", failed="b", failures=2, last_failure=datetime(2025, 11, 24, tzinfo=UTC))
    findings = status.Findings(memory=memory)
    findings.say(conditions.Type.DATABASE_MIGRATED, conditions.FALSE, "MigrationFailed", "x" * 100_000)
    resource = {**GOOD, "metadata": {"name": "core", "namespace": "apps", "generation": 3}}
    return status.build(resource, findings, Children(OWNER, live), [], NOW)


def _differences(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Where a value is not what the schema takes."""
    if schema["type"] == "object":
        unknown = [f"{path}.{name} is unknown" for name in value.keys() - schema["properties"].keys()]
        missing = [f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        known = [(name, each) for name, each in schema["properties"].items() if name in value]
        inner = [found for name, each in known for found in _differences(value[name], each, f"{path}.{name}")]
        return unknown + missing + inner
    if schema["type"] == "array":
        return [each for item in value for each in _differences(item, schema["items"], f"{path}[]")]
    return [] if _fits(value, schema) else [f"{path}: {value!r}"]


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    if schema["type"] == "integer":
        return isinstance(value, int) and value >= schema["minimum"]
    longest, choices, pattern = schema.get("maxLength", 100), schema.get("enum", [value]), schema.get("pattern", "")
    return isinstance(value, str) and len(value) <= longest and value in choices and bool(re.search(pattern, value))


def test_what_the_operator_writes_is_known() -> None:
    """No field is unknown, none that is required is missing, and all fit their bounds, a long message too."""
    schema = schema_of_the_file()["properties"]["status"]
    written = _written()
    assert _differences(written, schema, "status") == []
    assert written["migration"].keys() == schema["properties"]["migration"]["properties"].keys()
    assert written.keys() == schema["properties"].keys()


def test_a_difference_is_noticed() -> None:
    """The comparison has teeth."""
    schema = schema_of_the_file()["properties"]["status"]
    written = {**_written(), "extra": 1, "replicas": "2", "conditions": [{"type": "Ready", "status": "Yes"}]}
    assert sorted(_differences(written, schema, "status")) == [
        "status.conditions[].lastTransitionTime is missing",
        "status.conditions[].message is missing",
        "status.conditions[].reason is missing",
        "status.conditions[].status: 'Yes'",
        "status.extra is unknown",
        "status.replicas: '2'",
    ]
