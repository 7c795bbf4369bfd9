"""How many routers there are: by the resource, by an autoscaler, and how many of them may be taken away."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.drift import Child, Repairs
from tests.cluster.support.kubectl import Kubectl, Said, eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator, becomes, ready
from tests.cluster.support.standing import NAME, ROUTER, stand

AUTOSCALER: Final = Child("HorizontalPodAutoscaler", ROUTER)
BUDGET: Final = Child("PodDisruptionBudget", ROUTER)
AUTOSCALED: Final = {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 80}


@pytest.fixture(scope="module")
def place(operator: Operator, module_namespaces: Callable[[], Namespace], shared_database: str) -> Namespace:
    """Has a resource with two routers."""
    namespace = module_namespaces()
    stand(operator, namespace, shared_database, **{"spec.router.replicas": 2})
    return namespace


@contextmanager
def seen(kubectl: Kubectl) -> Iterator[list[tuple[int, int]]]:
    """Each (replicas, ready ones) of the routers' Deployment while the context lasts, by a watch: once it has ended."""
    found: list[tuple[int, int]] = []
    column = "custom-columns=R:.spec.replicas,A:.status.readyReplicas"
    with subprocess.Popen(
        kubectl._command("get", "deployment", ROUTER, "--watch", "--no-headers", "-o", column),
        stdout=subprocess.PIPE,
        text=True,
        env=dict(kubectl.environment),
    ) as watch:
        assert watch.stdout is not None
        try:
            found.append(_numbers(watch.stdout.readline()))
            yield found
        finally:
            watch.terminate()
            found.extend(_numbers(line) for line in watch.stdout if line.strip())


def _numbers(line: str) -> tuple[int, int]:
    replicas, are_ready = line.split()
    return int(replicas), 0 if are_ready == "<none>" else int(are_ready)


def replicas(kubectl: Kubectl) -> int:
    return int(kubectl.must_get("deployment", ROUTER)["spec"]["replicas"])


def autoscaled(kubectl: Kubectl, scaling: dict[str, Any] | None) -> None:
    kubectl.patch("wcc", NAME, {"spec": {"router": {"autoscaling": scaling}}})


def test_autoscaling_on_and_off_without_a_dip(operator: Operator, place: Namespace) -> None:
    """The number stays as it is when an autoscaler takes it over, is that one's then, and is given back in one step.

    It is never below what both ask for, no router that was ready is missing meanwhile, and nothing of it is drift.
    """
    kubectl = place.kubectl
    ready(kubectl)
    counted = operator.drift("Deployment")
    with seen(kubectl) as numbers:
        autoscaled(kubectl, AUTOSCALED)
        kubectl.wait(f"hpa/{ROUTER}", "condition=AbleToScale")
        operator.resynced()
        assert replicas(kubectl) == 2
        autoscaled(kubectl, {**AUTOSCALED, "minReplicas": 3})
        eventually(lambda: replicas(kubectl) == 3, "the autoscaler asks for three")
        kubectl.rolled_out(f"deployment/{ROUTER}")
        operator.resynced()
        assert replicas(kubectl) == 3, "it is the autoscaler's number"
        ready(kubectl)

        autoscaled(kubectl, None)
        eventually(lambda: kubectl.get("hpa", ROUTER) is None, "the autoscaler is gone")
        eventually(lambda: replicas(kubectl) == 2, "the number is the resource's again")
        ready(kubectl)
    asked_for, were_ready = zip(*numbers, strict=True)
    steps = [number for number, before in zip(asked_for, (0, *asked_for), strict=False) if number != before]
    assert steps == [2, 3, 2]
    assert min(were_ready) == 2
    assert operator.drift("Deployment") == counted


def test_the_autoscaler_is_repaired(operator: Operator, place: Namespace) -> None:
    """As every child, by the same rules: it is there only where it is wanted."""
    kubectl = place.kubectl
    autoscaled(kubectl, AUTOSCALED)
    eventually(lambda: kubectl.get("hpa", ROUTER), "an autoscaler")
    ready(kubectl)
    repairs = Repairs(operator, kubectl, operator.leader())
    change = [{"op": "replace", "path": "/spec/maxReplicas", "value": 100}]
    repairs.after_a_change(AUTOSCALER, lambda name: kubectl.patch("hpa", name, change))
    metrics = [{"op": "add", "path": "/spec/behavior", "value": {"scaleDown": {"selectPolicy": "Disabled"}}}]
    repairs.after_a_change(AUTOSCALER, lambda name: kubectl.patch("hpa", name, metrics))
    repairs.after_a_deletion(AUTOSCALER)
    assert replicas(kubectl) == 2
    autoscaled(kubectl, None)
    eventually(lambda: kubectl.get("hpa", ROUTER) is None, "the autoscaler is gone")
    ready(kubectl)


def test_an_autoscalers_number_outlasts_a_label(operator: Operator, place: Namespace) -> None:
    """A Deployment whose labels somebody changes is in no list any more: its number counts all the same. None at all is
    nobody's wish, and nothing that an autoscaler would mend.
    """
    kubectl = place.kubectl
    autoscaled(kubectl, AUTOSCALED)
    kubectl.wait(f"hpa/{ROUTER}", "condition=AbleToScale")
    operator.resynced()
    kubectl("scale", "deployment", ROUTER, "--replicas=3")
    kubectl.rolled_out(f"deployment/{ROUTER}")
    ready(kubectl)
    with seen(kubectl) as numbers:
        kubectl("label", "deployment", ROUTER, "app.kubernetes.io/instance=another", "--overwrite")
        eventually(
            lambda: kubectl.must_get("deployment", ROUTER)["metadata"]["labels"]["app.kubernetes.io/instance"] == NAME,
            "the label is back",
        )
        operator.resynced()
    assert {asked_for for asked_for, _ in numbers} == {3}
    kubectl("scale", "deployment", ROUTER, "--replicas=0")
    eventually(lambda: replicas(kubectl) == 2, "the autoscaler's least again")
    autoscaled(kubectl, None)
    eventually(lambda: kubectl.get("hpa", ROUTER) is None, "the autoscaler is gone")
    ready(kubectl)


def test_kubectl_scale_scales_the_resource(place: Namespace) -> None:
    """By the scale subresource: who scales the resource has said what he wants."""
    kubectl = place.kubectl
    kubectl("scale", "wcc", NAME, "--replicas=3")
    eventually(lambda: replicas(kubectl) == 3, "three routers are asked for")
    ready(kubectl)
    assert kubectl.must_get("wcc", NAME)["status"]["readyReplicas"] == 3
    kubectl("scale", "wcc", NAME, "--replicas=2")
    eventually(lambda: replicas(kubectl) == 2, "two again")
    ready(kubectl)


def evict(cluster: Cluster, kubectl: Kubectl, pod: str) -> Said:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": kubectl.namespace}}
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}/eviction"
    return cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body), check=False)


def two_routers(kubectl: Kubectl) -> list[str]:
    """Their pods' names; an assertion fails where there are more or fewer."""
    found = sorted(kubectl.names("pods", "app.kubernetes.io/component=router"))
    assert len(found) == 2, found
    return found


def test_a_second_eviction_is_refused(cluster: Cluster, place: Namespace) -> None:
    """With 429, as long as the first one's successor is not ready: whoever drains nodes waits. One router always is."""
    kubectl = place.kubectl
    ready(kubectl)
    eventually(
        lambda: kubectl.must_get("pdb", ROUTER)["status"]["disruptionsAllowed"] == 1, "one router may be taken away"
    )
    first, second = eventually(lambda: two_routers(kubectl), "two routers and none that goes")
    log = cluster.audit()
    with seen(kubectl) as numbers:
        assert evict(cluster, kubectl, first).code == 0
        refused = evict(cluster, kubectl, second)
        assert "disruption budget" in refused.err
        codes = eventually(
            lambda: {each.name: each.code for each in log.requests() if each.resource == "pods/eviction"},
            "both evictions in the audit log",
        )
        assert codes == {first: 201, second: 429}
        eventually(lambda: kubectl.get("pod", first) is None, "the first one is gone")
        ready(kubectl)
        eventually(
            lambda: kubectl.must_get("pdb", ROUTER)["status"]["disruptionsAllowed"] == 1, "another one may go now"
        )
        assert evict(cluster, kubectl, second).code == 0
        eventually(lambda: kubectl.get("pod", second) is None, "the second one is gone")
        ready(kubectl)
    assert min(are_ready for _, are_ready in numbers) >= 1


def test_one_router_has_no_budget(place: Namespace) -> None:
    """It would hold up the drain of its node for ever; with two there is one again."""
    kubectl = place.kubectl
    kubectl.patch("wcc", NAME, {"spec": {"router": {"replicas": 1}}})
    eventually(lambda: kubectl.get("pdb", ROUTER) is None, "no budget")
    kubectl.patch("wcc", NAME, {"spec": {"router": {"replicas": 2}}})
    eventually(lambda: kubectl.get("pdb", ROUTER), "a budget")
    becomes(kubectl, "SpecApplied", "True", "Applied")
