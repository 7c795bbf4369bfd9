"""What somebody added to the lists of a pod template, and the patch that takes it out."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.surplus import removals

PLACES = {"Deployment": ("template",), "CronJob": ("jobTemplate", "spec", "template")}


def container(name: str, **lists: Any) -> Manifest:
    return {"name": name, "image": "webhook-core:1", **lists}


OURS = {
    "initContainers": [container("prepare")],
    "containers": [
        container(
            "router",
            env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            volumeMounts=[{"name": "config", "mountPath": "/etc/config"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            ports=[{"name": "http", "containerPort": 8080}, {"name": "internal", "containerPort": 9090}],
        ),
    ],
    "volumes": [{"name": "config"}, {"name": "tmp"}],
}


def of(kind: str, pod: Manifest) -> Manifest:
    spec: Manifest = {"spec": pod}
    for step in reversed(PLACES[kind]):
        spec = {step: spec}
    return {"kind": kind, "metadata": {"name": "a", "resourceVersion": "5"}, "spec": spec}


def patched(manifest: Manifest, operations: list[dict[str, Any]]) -> Manifest:
    """As the API server does it (RFC 6902), as far as it is asked here."""
    result = copy.deepcopy(manifest)
    for operation in operations:
        *way, last = operation["path"].split("/")[1:]
        place: Any = result
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if operation["op"] == "test":
            assert place[last] == operation["value"]
        else:
            assert operation["op"] == "remove"
            del place[int(last)]
    return result


def without_empty(node: Any) -> Any:
    """A list that has been emptied is as good as none."""
    if isinstance(node, dict):
        return {key: without_empty(value) for key, value in node.items() if value != []}
    return [without_empty(each) for each in node] if isinstance(node, list) else node


@st.composite
def injected(draw: st.DrawFn) -> Manifest:
    """Our pod with items of others anywhere in its lists; among them containers with lists of their own."""
    pod = copy.deepcopy(OURS)

    def into(items: list[Any], strangers: list[Any]) -> None:
        for item in strangers:
            items.insert(draw(st.integers(0, len(items))), item)

    def some(make: Any) -> list[Any]:
        return [make(number) for number in range(draw(st.integers(0, 3)))]

    for field in ("initContainers", "containers"):
        for ours in pod[field]:
            into(ours.setdefault("env", []), some(lambda number: {"name": f"X{number}", "value": "x"}))
            into(ours.setdefault("envFrom", []), some(lambda number: {"configMapRef": {"name": f"x{number}"}}))
            into(ours.setdefault("volumeMounts", []), some(lambda number: {"name": "x", "mountPath": f"/x{number}"}))
            into(ours.setdefault("ports", []), some(lambda number: {"containerPort": 7000 + number}))
        into(pod[field], some(lambda number: container(f"x{number}", env=[{"name": "A"}, {"name": "Y"}])))
    into(pod["volumes"], some(lambda number: {"name": f"x{number}"}))
    return pod


@given(pod=injected(), kind=st.sampled_from(sorted(PLACES)))
def test_the_patch_leaves_exactly_what_is_ours(pod: Manifest, kind: str) -> None:
    """Wherever and whatever was injected."""
    wanted, live = of(kind, OURS), of(kind, pod)
    assert without_empty(patched(live, removals(wanted, live))) == without_empty(wanted)


def test_nothing_is_patched_where_nothing_was_added() -> None:
    """And where the server has only filled in fields."""
    live = of("Deployment", copy.deepcopy(OURS))
    live["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    assert removals(of("Deployment", OURS), live) == []


def test_a_patch_tests_the_version_first_and_removes_from_the_end() -> None:
    """Positions are worth something only in the object that was read, and only while nothing before them is gone."""
    live = of("Deployment", copy.deepcopy(OURS))
    pod = live["spec"]["template"]["spec"]
    pod["containers"] = [container("x"), *pod["containers"], container("y")]
    pod["containers"][1]["env"].append({"name": "X"})
    base = "/spec/template/spec/containers"
    assert removals(of("Deployment", OURS), live) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "5"},
        {"op": "remove", "path": f"{base}/2"},
        {"op": "remove", "path": f"{base}/1/env/2"},
        {"op": "remove", "path": f"{base}/0"},
    ]


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Job"])
def test_kinds_without_a_template_that_can_be_changed_have_no_surplus(kind: str) -> None:
    """A Job's template is immutable."""
    assert removals({"kind": kind}, {"kind": kind}) == []
