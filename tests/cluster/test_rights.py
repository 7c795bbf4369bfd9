"""What the operator may do, and what runs in which pods: judged last, by the audit log of all tests on the cluster."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from tests.cluster.support import chart, manifests
from tests.cluster.support.audit import Request
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator

HERE: Final = Path(__file__).parent
ACCOUNT: Final = "webhook-core-operator"
"""How the chart's names of operators end, whatever the release is called."""
VIOLATIONS: Final = "pod-security.kubernetes.io/audit-violations"
DECISION: Final = "authorization.k8s.io/decision"
SYSTEM: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces of the cluster's own."""

Right = tuple[str, str, str]
"""API group, resource, verb."""

pytestmark = pytest.mark.last


@pytest.fixture(scope="module")
def everything(cluster: Cluster, operator: Operator) -> list[Request]:
    """What was ever asked of this cluster, as it came in."""
    del operator  # it is there, at least
    return sorted(cluster.audit(from_start=True).requests(), key=lambda each: each.at)


@pytest.fixture(scope="module")
def asked(everything: list[Request]) -> list[Request]:
    """By operators: the suite's, and those of tests that install their own."""
    return [each for each in everything if each.account.endswith(ACCOUNT)]


def granted(cluster: Cluster) -> set[Right]:
    """By the chart."""
    made = chart.render(cluster, {})
    roles = [*chart.of_kind(made, "ClusterRole"), *chart.of_kind(made, "Role")]
    rules = [rule for role in roles if "operator" in role["metadata"]["name"] for rule in role["rules"]]
    return {right for rule in rules for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def used(asked: list[Request]) -> Iterator[Right]:
    """A patch that made its object has taken the right to create it too."""
    for each in asked:
        yield each.group, each.resource, each.verb
        if each.verb == "patch" and each.code == 201:
            yield each.group, each.resource, "create"


def refusals(everything: list[Request]) -> Iterator[Request]:
    """Of operators, while they were installed: one that ends while Helm takes its rights away is refused things."""
    gone: set[str] = set()
    for each in everything:
        if each.is_write and each.code < 300 and each.resource in {"clusterrolebindings", "rolebindings", "namespaces"}:
            account = each.name.removesuffix("-leader")
            (gone.add if each.verb == "delete" else gone.discard)(account)
            continue
        forbidden = each.raw.get("annotations", {}).get(DECISION) == "forbid"
        if forbidden and each.account.endswith(ACCOUNT) and gone.isdisjoint({*each.account.split("/"), each.namespace}):
            yield each


def test_nothing_was_refused(everything: list[Request]) -> None:
    """Whatever the operator asked for in any test, the chart had given it the right to.

    What it may not look into by its user's own wish (`watchNamespaces`) is the Services of other namespaces.
    """
    refused = {(each.group, each.resource, each.verb) for each in refusals(everything)}
    assert refused <= {("", "services", "get")}


def test_nothing_is_granted_that_is_never_used(
    cluster: Cluster, asked: list[Request], request: pytest.FixtureRequest
) -> None:
    """Every verb of every rule was needed by some test. Only a run of all tests can tell."""
    never = sorted(granted(cluster) - set(used(asked)))
    ran = {item.path for item in request.session.items}
    if not_run := sorted(path.name for path in HERE.glob("test_*.py") if path not in ran):
        pytest.skip(f"not run: {', '.join(not_run)}; without them never used: {never}")
    assert never == []


def test_every_namespace_is_restricted(cluster: Cluster, operator: Operator) -> None:
    """Everything that the suite ran, it ran where only restricted pods are let in: this cluster's own apart."""
    del operator
    label = "pod-security.kubernetes.io/enforce"
    levels = {
        each["metadata"]["name"]: each["metadata"].get("labels", {}).get(label) for each in cluster.kubectl.all("ns")
    }
    assert {name for name, level in levels.items() if level != "restricted"} <= SYSTEM
    somewhere = {
        item["metadata"]["namespace"] for item in cluster.kubectl("get", "pods", "-A", "-o", "json").json()["items"]
    }
    assert somewhere & SYSTEM <= {"kube-system", "local-path-storage"}


def test_a_restricted_namespace_lets_no_other_pod_in(namespace: Namespace) -> None:
    """The label is enforced here: what is said of the suite's pods means something."""
    spec = manifests.pod_spec(manifests.container("root", namespace.cluster.image, ["--version"]))
    spec["securityContext"] = {"runAsUser": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": spec}
    said = namespace.kubectl("create", "-f", "-", stdin=json.dumps(pod), check=False)
    assert "violates PodSecurity" in said.err


def test_no_child_violates_pod_security(asked: list[Request]) -> None:
    """The API server notes what a template violates even where it lets the object in. Whatever others put into one of
    ours meanwhile, what the operator wrote last is restricted.
    """
    last = {
        f"{each.resource} {each.namespace}/{each.name}": each.raw.get("annotations", {})
        for each in asked
        if each.is_write and each.code < 300
    }
    noted = {name: notes[VIOLATIONS] for name, notes in last.items() if VIOLATIONS in notes}
    assert noted == {}
