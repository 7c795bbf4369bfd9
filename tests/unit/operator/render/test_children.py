"""What holds for every child, whatever the spec says."""

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.operator.render.pod_security import violations
from tests.unit.operator.render.reach import REACH
from tests.unit.operator.render.resources import EVERYTHING, LONGEST, changed, children, inputs, pods, text

from webhookcore_operator.kinds import BY_NAME
from webhookcore_operator.render import Inputs, names

DNS_LABEL: Final = 63
DNS_SUBDOMAIN: Final = 253
CRON_JOB: Final = 52
LIMITS: Final = {"ConfigMap": DNS_SUBDOMAIN, "CronJob": CRON_JOB}
"""Names of Services are labels; those of Jobs and Deployments become their pods' labels."""


@st.composite
def any_inputs(draw: st.DrawFn) -> Inputs:
    """The full spec with any number of its fields changed."""
    spec = changed(EVERYTHING, "spec.router.autoscaling", {"maxReplicas": 8})
    if not draw(st.booleans()):
        spec = changed(spec, "spec.router.autoscaling", None)
    for path in draw(st.sets(st.sampled_from([path for path in REACH if ".autoscaling." not in path]))):
        spec = changed(spec, path, REACH[path][0])
    name = draw(st.one_of(st.just(LONGEST), st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)))
    return inputs(spec, name=name, replicas=draw(st.one_of(st.none(), st.integers(1, 64))))


@given(any_inputs())
@settings(max_examples=40, deadline=None)
def test_every_child(wanted: Inputs) -> None:
    """It is the resource's own and found by its labels, its name fits its kind, and JSON can say it."""
    for child in children(wanted):
        kind, metadata = child["kind"], child["metadata"]
        assert len(metadata["name"]) <= LIMITS.get(kind, DNS_LABEL)
        assert metadata["labels"]["app.kubernetes.io/instance"] == wanted.name
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "webhookcore-operator"
        [owner] = metadata["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (wanted.owner.uid, True, False)
        assert kind != "Secret"
        assert _plain(child)


@given(any_inputs())
@settings(max_examples=40, deadline=None)
def test_every_pod(wanted: Inputs) -> None:
    """Restricted Pod Security and more: no token, no writable root, bounded scratch space, requests, no surprises."""
    templates = pods(children(wanted))
    assert set(templates) == set(names.Part)
    for component, template in templates.items():
        assert violations(template) == []
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        [container] = spec["containers"]
        assert container["name"] == component
        assert (container["command"], container["args"][0]) == (["webhookcore"], component)
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
        assert {**container["resources"].get("limits", {}), **container["resources"]["requests"]}.keys() >= {
            "cpu",
            "memory",
        }
        assert all(volume["emptyDir"].get("sizeLimit") for volume in spec["volumes"] if "emptyDir" in volume)
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


@given(any_inputs())
@settings(max_examples=20, deadline=None)
def test_selectors(wanted: Inputs) -> None:
    """Every selector finds the routers' pods and no others of the same instance."""
    manifests = children(wanted)
    labels = {component: template["metadata"]["labels"] for component, template in pods(manifests).items()}
    selectors = [
        selector.get("matchLabels", selector)
        for manifest in manifests
        for key in ("selector", "podSelector")
        if (selector := manifest.get("spec", {}).get(key))
    ]
    assert len(selectors) >= len(("Deployment", "Service", "Service"))
    for selector in selectors:
        assert [component for component, own in labels.items() if selector.items() <= own.items()] == ["router"]


@given(any_inputs())
@settings(max_examples=20, deadline=None)
def test_the_same_twice(wanted: Inputs) -> None:
    """The same inputs give the same bytes: a reconciliation of what is as it should be writes nothing."""
    assert text(children(wanted)) == text(children(wanted))


@given(any_inputs())
@settings(max_examples=20, deadline=None)
def test_no_version(wanted: Inputs) -> None:
    """No pod template says which operator made it: its upgrade rolls nothing."""
    for template in pods(children(wanted)).values():
        assert not {"app.kubernetes.io/version", "helm.sh/chart"} & template["metadata"]["labels"].keys()


def test_what_is_hashed_is_nowhere() -> None:
    """The keyed hash of the secrets stands in the routers' annotation alone; that of the database only in a name."""
    wanted = inputs(EVERYTHING, secrets_hash="hash-of-secrets", database_hash="hash-of-database")
    manifests = children(wanted)
    assert text(manifests).count("hash-of-secrets") == 1
    assert pods(manifests)["router"]["metadata"]["annotations"]["webhookcore.io/secrets"] == "hash-of-secrets"
    assert "hash-of-database" not in text(manifests)


def test_kinds() -> None:
    """What is rendered is of the version that the operator reads and writes."""
    for kind, api_version in names.API_VERSIONS.items():
        assert BY_NAME[kind].api_version == api_version


@pytest.mark.parametrize("name", ["core", LONGEST])
def test_names(name: str) -> None:
    """The names that people and other programs rely on."""
    found = {(child["kind"], child["metadata"]["name"]) for child in children(inputs(EVERYTHING, name=name))}
    assert found >= {
        ("Deployment", f"{name}-router"),
        ("Service", f"{name}-router"),
        ("Service", f"{name}-router-internal"),
        ("ServiceAccount", f"{name}-router"),
        ("ServiceAccount", f"{name}-jobs"),
        ("CronJob", "dlq-processor"),
        ("CronJob", "session-cleanup"),
        ("PodDisruptionBudget", f"{name}-router"),
        ("NetworkPolicy", f"{name}-router"),
        ("PodMonitor", f"{name}-router"),
        ("PrometheusRule", name),
    }


def _plain(value: Any) -> bool:
    """Whether a value is of JSON's own types, and no subclass of them (which YAML could not write)."""
    if type(value) is dict:
        return all(type(key) is str and _plain(each) for key, each in value.items())
    if type(value) is list:
        return all(map(_plain, value))
    return type(value) in (str, int, float, bool)
