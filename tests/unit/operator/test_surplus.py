"""What somebody added to what we wrote, and the patch that takes it out."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.surplus import removals, whole_spec

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
            place = place[int(step) if isinstance(place, list) else _field(step)]
        if operation["op"] == "replace":
            assert place[last] == operation["value"], "the version that was read"
        else:
            assert operation["op"] == "remove"
            del place[int(last) if isinstance(place, list) else _field(last)]
    return result


def _field(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


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


def test_a_patch_says_the_version_first_and_removes_from_the_end() -> None:
    """Positions are worth something only in the object that was read, and only while nothing before them is gone."""
    live = of("Deployment", copy.deepcopy(OURS))
    pod = live["spec"]["template"]["spec"]
    pod["containers"] = [container("x"), *pod["containers"], container("y")]
    pod["containers"][1]["env"].append({"name": "X"})
    base = "/spec/template/spec/containers"
    assert removals(of("Deployment", OURS), live) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "5"},
        {"op": "remove", "path": f"{base}/2"},
        {"op": "remove", "path": f"{base}/1/env/2"},
        {"op": "remove", "path": f"{base}/0"},
    ]


POD = "/spec/template/spec"
CONTAINER = f"{POD}/containers/0"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("nodeSelector", {"disk": "ssd"}),
        ("hostAliases", [{"ip": "192.0.2.1"}]),
        ("schedulerName", "another"),
        ("serviceAccount", "another"),
        ("containers.0.lifecycle", {"preStop": {}}),
        ("containers.0.resources.limits", {"example.com/gpu": "1"}),
        ("containers.0.terminationMessagePath", "/tmp/a"),  # noqa: S108
    ],
)
def test_fields_that_nobody_rendered(place: str, value: Any) -> None:
    """Whatever they are: what a later Kubernetes adds to pods is nobody's to add to ours."""
    ours = copy.deepcopy(OURS) | {"serviceAccountName": "router"}
    ours["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    live = copy.deepcopy(ours)
    *way, last = place.split(".")
    target: Any = live
    for step in way:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[last] = value
    path = f"{POD}/{place.replace('.', '/')}"
    assert removals(of("Deployment", ours), of("Deployment", live))[1:] == [{"op": "remove", "path": path}]


def test_a_limit_beside_ours() -> None:
    """Maps are looked through; keys are written as a pointer wants them."""
    ours, live = ({"containers": [container("a", resources={"limits": more})]} for more in ({}, {"example.com/a~b": 1}))
    assert removals(of("Deployment", ours), of("Deployment", live))[1:] == [
        {"op": "remove", "path": f"{CONTAINER}/resources/limits/example.com~1a~0b"}
    ]


def test_labels_and_annotations_of_others_stay() -> None:
    """On the pods' template too: a restart of the routers is an annotation there."""
    live = of("Deployment", OURS)
    live["spec"]["template"]["metadata"] = {"labels": {"app": "a"}, "annotations": {"restarted": "now"}}
    wanted = of("Deployment", OURS)
    wanted["spec"]["template"]["metadata"] = {"labels": {"app": "a"}}
    assert removals(wanted, live) == []


SERVICE = {"type": "ClusterIP", "ports": [{"name": "http", "port": 80}]}


def service(**more: Any) -> Manifest:
    return {"kind": "Service", "metadata": {"name": "a", "resourceVersion": "5"}, "spec": {**SERVICE, **more}}


def test_what_is_given_by_others_stays() -> None:
    """A Service's address, an autoscaled Deployment's replicas; ports and addresses that are added go."""
    address = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "x"}
    assert removals(service(), service(**address, internalTrafficPolicy="Cluster")) == []
    more = {"externalIPs": ["192.0.2.1"], "ports": [*SERVICE["ports"], {"name": "spy", "port": 81}]}
    assert {each["path"] for each in removals(service(), service(**address, **more))[1:]} == {
        "/spec/externalIPs",
        "/spec/ports/1",
    }
    scaled = of("Deployment", OURS)
    scaled["spec"]["replicas"] = 3
    assert removals(of("Deployment", OURS), scaled) == []


def test_the_whole_spec_in_place_of_what_is_there() -> None:
    """What others give stays, all else is ours; of an object that has changed meanwhile the server says a conflict."""
    live = service(clusterIP="10.0.0.1", externalName="spy.example")
    assert whole_spec(service(), live) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "5"},
        {"op": "replace", "path": "/spec", "value": {"clusterIP": "10.0.0.1", **SERVICE}},
    ]
    scaled = of("Deployment", OURS)
    scaled["spec"]["replicas"] = 3
    assert whole_spec(of("Deployment", OURS), scaled)[1]["value"]["replicas"] == 3


@pytest.mark.parametrize("kind", ["ConfigMap", "Job", "ServiceAccount"])
def test_kinds_without_a_spec_that_can_be_changed_have_no_surplus(kind: str) -> None:
    """A Job's is immutable."""
    assert removals({"kind": kind}, {"kind": kind}) == []
    assert whole_spec({"kind": kind}, {"kind": kind}) == []
