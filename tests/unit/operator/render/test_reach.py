"""What a change touches, field by field: nobody's routers restart for what they do not read."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from tests.unit.operator.render.reach import REACH
from tests.unit.operator.render.resources import EVERYTHING, changed, children, inputs, text

from webhookcore.settings import describe_fields
from webhookcore_operator.render import Inputs

SPEC: Final = changed(EVERYTHING, "spec.router.autoscaling", {"minReplicas": 2, "maxReplicas": 8})


def aspects(wanted: Inputs) -> dict[str, str]:
    """The children by what they are for. The router's pods apart from their Deployment: only they restart."""
    found = {}
    for manifest in children(wanted):
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        component = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
        if kind == "Deployment":
            found["router pods"] = text(manifest["spec"].pop("template"))
        found[_aspect(kind, name, component)] = text(manifest)
    return found


def _aspect(kind: str, name: str, component: str) -> str:
    match kind:
        case "ConfigMap":
            return f"{component} config"
        case "CronJob":
            return component
        case "Job":
            return "migration"
        case "Service" | "ServiceAccount":
            return f"{kind} {name}"
        case _:
            return kind


def touched(before: Inputs, after: Inputs) -> set[str]:
    """What differs."""
    old, new = aspects(before), aspects(after)
    return {aspect for aspect in old.keys() | new.keys() if old.get(aspect) != new.get(aspect)}


@pytest.mark.parametrize("path", REACH)
def test_field(path: str) -> None:
    """The field changes what reads it, and nothing else."""
    value, reached = REACH[path]
    assert touched(inputs(SPEC), inputs(changed(SPEC, path, value))) == reached


def test_every_field_is_thought_of() -> None:
    """A field that is new in core is in the table."""
    paths = [doc.path for doc in describe_fields() if doc.path.startswith("spec.")]
    leaves = [path for path in paths if not any(other.startswith((f"{path}.", f"{path}[]")) for other in paths)]
    assert sorted({re.sub(r"\[\d+\]", "[]", path) for path in REACH}) == sorted(leaves)


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        ({"secrets_hash": "other"}, {"router pods"}),
        ({"database_hash": "other"}, {"migration"}),
        ({"replicas": 5}, {"Deployment"}),
        ({"replicas": None}, {"Deployment"}),
        ({"monitoring": ()}, {"PodMonitor", "PrometheusRule"}),
        ({"image": "registry.example/webhook-core:9"}, set()),
    ],
)
def test_what_the_reconciler_finds_out(change: Mapping[str, Any], reached: set[str]) -> None:
    """Secrets roll the routers; another operator changes nothing where the spec names the image."""
    assert touched(inputs(SPEC), inputs(SPEC, **change)) == reached


def test_the_operators_image() -> None:
    """Where the spec leaves it open, all pods run the operator's image."""
    spec = changed(SPEC, "spec.image", {})
    pods = {"router pods", "dlq-processor", "session-cleanup", "migration"}
    assert touched(inputs(spec), inputs(spec, image="registry.example/webhook-core:9")) == pods
