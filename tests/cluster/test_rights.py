"""What the operator may do, and what runs in which pods: judged by what all other tests left in the audit logs."""

import os
from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest
from tests.cluster.support import audit, chart, tools
from tests.cluster.support.audit import Request
from tests.cluster.support.clusters import Cluster

ACCOUNT: Final = "webhook-core-operator"
"""How the chart's names of operators end, whatever the release is called."""
ENFORCED: Final = "pod-security.kubernetes.io/enforce-policy"
VIOLATIONS: Final = "pod-security.kubernetes.io/audit-violations"
DECISION: Final = "authorization.k8s.io/decision"
SYSTEM: Final = frozenset({"kube-system", "local-path-storage"})
"""Namespaces of the cluster's own."""

Right = tuple[str, str, str]
"""API group, resource, verb."""

pytestmark = pytest.mark.skipif(
    audit.FOLDER not in os.environ, reason="judges what a run of all tests left: make test-cluster"
)


@pytest.fixture(scope="module")
def clusters() -> list[list[Request]]:
    """What was ever asked of each cluster of the run, as it came in."""
    found = audit.left()
    assert found, "no cluster left a log"
    return found


@pytest.fixture(scope="module")
def asked(clusters: list[list[Request]]) -> list[list[Request]]:
    """By operators: the suite's, and those of tests that install their own."""
    return [[each for each in requests if each.account.endswith(ACCOUNT)] for requests in clusters]


def granted() -> set[Right]:
    """By the chart, which asks no cluster."""
    made = chart.render(Cluster("none", tools.find()), {})
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
    """Of a cluster's operators, while they were installed: one that ends while Helm takes its rights away is refused
    things.
    """
    gone: set[str] = set()
    for each in everything:
        if each.is_write and each.code < 300 and each.resource in {"clusterrolebindings", "rolebindings", "namespaces"}:
            account = each.name.removesuffix("-leader")
            (gone.add if each.verb == "delete" else gone.discard)(account)
            continue
        forbidden = each.raw.get("annotations", {}).get(DECISION) == "forbid"
        if forbidden and each.account.endswith(ACCOUNT) and gone.isdisjoint({*each.account.split("/"), each.namespace}):
            yield each


def test_nothing_was_refused(clusters: list[list[Request]]) -> None:
    """Whatever the operator asked for in any test, the chart had given it the right to.

    What it may not look into by its user's own wish (`watchNamespaces`) is the Services of other namespaces.
    """
    refused = {(each.group, each.resource, each.verb) for requests in clusters for each in refusals(requests)}
    assert refused <= {("", "services", "get")}


def test_nothing_is_granted_that_is_never_used(asked: list[list[Request]]) -> None:
    """Every verb of every rule was needed by some test."""
    assert granted() - {right for requests in asked for right in used(requests)} == set()


def test_every_pod_was_restricted(clusters: list[list[Request]]) -> None:
    """Everything that the suite ran, it ran where only restricted pods are let in: the cluster's own apart."""
    made = [
        each
        for requests in clusters
        for each in requests
        if (each.resource, each.verb, each.code) == ("pods", "create", 201)
    ]
    levels = {(each.namespace, each.raw.get("annotations", {}).get(ENFORCED)) for each in made}
    assert {namespace for namespace, level in levels if level != "restricted:latest"} <= SYSTEM
    assert {"default", "kube-public", "kube-node-lease"}.isdisjoint(namespace for namespace, _ in levels)


def test_no_child_violates_pod_security(asked: list[list[Request]]) -> None:
    """The API server notes what a template violates even where it lets the object in. Whatever others put into one of
    ours meanwhile, what the operator wrote last is restricted.
    """
    for requests in asked:
        last = {
            f"{each.resource} {each.namespace}/{each.name}": each.raw.get("annotations", {})
            for each in requests
            if each.is_write and each.code < 300
        }
        noted = {name: notes[VIOLATIONS] for name, notes in last.items() if VIOLATIONS in notes}
        assert noted == {}
