"""Children that somebody deletes or changes by hand: brought back within 10 s, counted, and nothing else is touched."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.drift import Child, Repairs
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.monitoring import monitoring_kinds
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator, ready
from tests.cluster.support.standing import NAME, ROUTER, stand

from webhookcore_operator.kinds import AUTOSCALER, CHILDREN, JOB, MONITORING

DEPLOYMENT: Final = Child("Deployment", ROUTER)
SERVICE: Final = Child("Service", ROUTER)
INTERNAL: Final = Child("Service", f"{ROUTER}-internal")
DLQ_PROCESSOR: Final = Child("CronJob", "dlq-processor")
SESSION_CLEANUP: Final = Child("CronJob", "session-cleanup")
ROUTER_CONFIG: Final = Child("ConfigMap", f"{NAME}-router-config-")
JOBS_CONFIG: Final = Child("ConfigMap", f"{NAME}-jobs-config-")
ROUTER_ACCOUNT: Final = Child("ServiceAccount", ROUTER)
JOBS_ACCOUNT: Final = Child("ServiceAccount", f"{NAME}-jobs")
BUDGET: Final = Child("PodDisruptionBudget", ROUTER)
POLICY: Final = Child("NetworkPolicy", ROUTER)
POD_MONITOR: Final = Child("PodMonitor", ROUTER)
RULE: Final = Child("PrometheusRule", NAME)
EVERY: Final = (
    DEPLOYMENT,
    SERVICE,
    INTERNAL,
    ROUTER_CONFIG,
    JOBS_CONFIG,
    ROUTER_ACCOUNT,
    JOBS_ACCOUNT,
    DLQ_PROCESSOR,
    SESSION_CLEANUP,
    BUDGET,
    POLICY,
    POD_MONITOR,
    RULE,
)
"""Without the autoscaler (test_scaling.py) and without the migration's Job, which is not brought back."""

POD: Final = "/spec/template/spec"
CONTAINER: Final = f"{POD}/containers/0"
RUN: Final = "/spec/jobTemplate/spec/template/spec"
LABEL: Final = "/metadata/labels/app.kubernetes.io~1"
SIDECAR: Final = {"name": "sidecar", "image": "sidecar.example/spy:1"}

pytestmark = pytest.mark.long


def put(path: str, value: Any, op: str = "replace") -> dict[str, Any]:
    return {"op": op, "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    return put(path, value, "add")


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


CHANGES: Final[list[tuple[Child, str, list[dict[str, Any]]]]] = [
    (DEPLOYMENT, "a label gone", [remove(f"{LABEL}managed-by")]),
    (DEPLOYMENT, "no longer labelled as a part", [put(f"{LABEL}name", "another-app")]),
    (DEPLOYMENT, "labelled as another resource's", [put(f"{LABEL}instance", "another")]),
    (DEPLOYMENT, "paused", [put("/spec/paused", True, "add")]),
    (DEPLOYMENT, "fewer replicas", [put("/spec/replicas", 1)]),
    (DEPLOYMENT, "another image", [put(f"{CONTAINER}/image", "router.example/other:1")]),
    (DEPLOYMENT, "another strategy", [put("/spec/strategy", {"type": "Recreate"})]),
    (DEPLOYMENT, "a variable injected", [add(f"{CONTAINER}/env/-", {"name": "HTTPS_PROXY", "value": "http://spy"})]),
    (DEPLOYMENT, "a variable changed", [put(f"{CONTAINER}/env/0/value", "/tmp/another.yaml")]),  # noqa: S108 - a pod's
    (
        DEPLOYMENT,
        "a variable from elsewhere",
        [
            put(
                f"{CONTAINER}/env/0",
                {"name": "WEBHOOKCORE_CONFIG", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            )
        ],
    ),
    (DEPLOYMENT, "a container injected", [add(f"{POD}/containers/-", SIDECAR)]),
    (
        DEPLOYMENT,
        "an init container and its volume injected",
        [
            add(f"{POD}/volumes/-", {"name": "spy", "emptyDir": {}}),
            add(f"{POD}/initContainers", [{**SIDECAR, "volumeMounts": [{"name": "spy", "mountPath": "/spy"}]}]),
        ],
    ),
    (DEPLOYMENT, "another kind of volume", [put(f"{POD}/volumes/0", {"name": "tmp", "hostPath": {"path": "/"}})]),
    (
        DEPLOYMENT,
        "another kind of probe",
        [put(f"{CONTAINER}/livenessProbe", {"exec": {"command": ["false"]}, "periodSeconds": 1})],
    ),
    (
        DEPLOYMENT,
        "a hook and a place injected",
        [
            add(f"{CONTAINER}/lifecycle", {"preStop": {"exec": {"command": ["sleep", "infinity"]}}}),
            add(f"{POD}/nodeSelector", {"nowhere": "yes"}),
            add(f"{POD}/hostAliases", [{"ip": "192.0.2.1", "hostnames": ["graph.facebook.com"]}]),
        ],
    ),
    (DEPLOYMENT, "privileges", [put(f"{CONTAINER}/securityContext", {"privileged": True})]),
    (DLQ_PROCESSOR, "resumed", [put("/spec/suspend", False)]),
    (DLQ_PROCESSOR, "another schedule", [put("/spec/schedule", "0 0 1 1 *"), put("/spec/concurrencyPolicy", "Allow")]),
    (DLQ_PROCESSOR, "a container injected", [add(f"{RUN}/containers/-", SIDECAR)]),
    (DLQ_PROCESSOR, "a variable gone", [remove(f"{RUN}/containers/0/env/0")]),
    (SESSION_CLEANUP, "another command", [put(f"{RUN}/containers/0/args", ["dlq-processor"])]),
    (SERVICE, "another selector", [put("/spec/selector", {"app": "another"})]),
    (SERVICE, "another port", [put("/spec/ports/0/port", 8000)]),
    (SERVICE, "a port injected", [add("/spec/ports/-", {"name": "spy", "port": 9090})]),
    (SERVICE, "open to the outside", [put("/spec/type", "NodePort")]),
    (INTERNAL, "another port behind it", [put("/spec/ports/0/targetPort", 8080)]),
    (ROUTER_CONFIG, "a label gone", [remove(f"{LABEL}component")]),
    (JOBS_CONFIG, "labelled as another resource's", [put(f"{LABEL}instance", "another")]),
    (ROUTER_ACCOUNT, "a token mounted", [put("/automountServiceAccountToken", True)]),
    (JOBS_ACCOUNT, "a token mounted", [put("/automountServiceAccountToken", True)]),
    (BUDGET, "more may go", [put("/spec/maxUnavailable", "100%")]),
    (BUDGET, "another kind of limit", [remove("/spec/maxUnavailable"), add("/spec/minAvailable", 0)]),
    (POLICY, "open to all", [add("/spec/ingress/-", {})]),
    (POD_MONITOR, "another selector", [put("/spec/selector", {"matchLabels": {"app": "another"}})]),
    (RULE, "no alerts", [put("/spec/groups", [])]),
]


@pytest.fixture(scope="module")
def place(
    cluster: Cluster, operator: Operator, module_namespaces: Callable[[], Namespace], shared_database: str
) -> Iterator[Namespace]:
    """Has a resource with every child there is; each child has a label and an annotation of somebody else's."""
    with monitoring_kinds(cluster):
        operator.restart()
        namespace = module_namespaces()
        everything = {
            "spec.router.replicas": 2,
            "spec.networkPolicy": {"enabled": True},
            "spec.monitoring": {"podMonitor": True, "prometheusRule": True},
        }
        stand(operator, namespace, shared_database, **everything)
        for child in EVERY:
            name = child.live(namespace.kubectl)["metadata"]["name"]
            namespace.kubectl("label", child.kind, name, "team=rides")
            namespace.kubectl("annotate", child.kind, name, "example.com/seen=yes")
        yield namespace
        namespace.kubectl.delete("wcc", NAME)
    operator.restart()


@pytest.fixture(scope="module")
def repairs(operator: Operator, place: Namespace) -> Repairs:
    return Repairs(operator, place.kubectl, operator.leader())


def test_every_child_is_among_those_that_are_harmed(place: Namespace) -> None:
    """What is changed and what is deleted below leaves out no object."""
    kinds = [kind.name for kind in (*CHILDREN, *MONITORING) if kind not in (JOB, AUTOSCALER)]
    (owner,) = place.kubectl.all("wcc")
    there = {
        (kind, live["metadata"]["name"])
        for kind in kinds
        for live in place.kubectl.all(kind)
        for reference in live["metadata"].get("ownerReferences", [])
        if reference["uid"] == owner["metadata"]["uid"]
    }
    assert there == {(child.kind, child.live(place.kubectl)["metadata"]["name"]) for child in EVERY}
    assert {child for child, _, _ in CHANGES} == set(EVERY)


@pytest.mark.parametrize(("child", "what", "patch"), CHANGES, ids=[f"{child}: {what}" for child, what, _ in CHANGES])
def test_a_change_by_hand(repairs: Repairs, child: Child, what: str, patch: list[dict[str, Any]]) -> None:
    """It is as before to the last field: with what others had put on it, without what was done to it."""
    del what
    repairs.after_a_change(child, lambda name: repairs.kubectl.patch(child.kind, name, patch))


@pytest.mark.parametrize("child", EVERY, ids=str)
def test_a_deletion(repairs: Repairs, child: Child) -> None:
    """The child is there again."""
    repairs.after_a_deletion(child)


def test_what_others_may_do_is_no_drift(repairs: Repairs, operator: Operator) -> None:
    """A label, an annotation, a restart of the routers: they stay, and nobody counts or undoes them."""
    kubectl = repairs.kubectl
    counted = operator.drift("Deployment")
    kubectl("label", "deployment", ROUTER, "cost-centre=42")
    kubectl("rollout", "restart", f"deployment/{ROUTER}")
    kubectl.rolled_out(f"deployment/{ROUTER}")
    before = DEPLOYMENT.live(kubectl)
    operator.resynced()
    live = DEPLOYMENT.live(kubectl)
    assert live["metadata"]["labels"]["cost-centre"] == "42"
    assert "kubectl.kubernetes.io/restartedAt" in live["spec"]["template"]["metadata"]["annotations"]
    assert live["metadata"]["generation"] == before["metadata"]["generation"]
    assert operator.drift("Deployment") == counted


def test_a_migration_that_is_done_is_not_done_again(repairs: Repairs, operator: Operator) -> None:
    """Whoever deletes its Job deletes a record, no result."""
    kubectl, asked = repairs.kubectl, operator.audit()
    (job,) = [each["metadata"]["name"] for each in kubectl.all("jobs", "app.kubernetes.io/component=migrate")]
    kubectl.delete("job", job)
    operator.resynced()
    ready(kubectl)
    assert [each for each in asked.writes() if each.resource == "jobs"] == []


def test_the_internal_secret(repairs: Repairs, operator: Operator) -> None:
    """Secrets are not watched: at the next resync it is made again, with another value, and the routers roll to it."""
    kubectl = repairs.kubectl
    name = f"{NAME}-internal"
    before = kubectl.must_get("secret", name)
    template = DEPLOYMENT.live(kubectl)["spec"]["template"]
    kubectl.delete("secret", name)
    operator.resynced()
    again = eventually(lambda: kubectl.get("secret", name), "the internal Secret is there again")
    assert again["data"]["secret"] != before["data"]["secret"]
    eventually(lambda: DEPLOYMENT.live(kubectl)["spec"]["template"] != template, "the routers roll")
    ready(kubectl)


def test_what_nobody_wants_any_more_goes(repairs: Repairs, operator: Operator) -> None:
    """A child under a name that another version of the operator gave it: pruned; one that is not its own: left."""
    kubectl = repairs.kubectl

    def former(child: Child) -> dict[str, Any]:
        live = child.live(kubectl)
        metadata = {key: live["metadata"][key] for key in ("labels", "ownerReferences")}
        spec = {key: value for key, value in live.get("spec", {}).items() if key not in {"clusterIP", "clusterIPs"}}
        if child is DEPLOYMENT:
            spec["replicas"] = 0
        rest = {key: live[key] for key in ("apiVersion", "kind", "data") if key in live}
        return {**rest, "metadata": {**metadata, "name": "of-before"}, **({"spec": spec} if spec else {})}

    kinds = {child.kind: child for child in EVERY}
    asked = operator.audit()
    kubectl.apply(*(former(child) for child in kinds.values()))
    theirs = former(JOBS_ACCOUNT)
    del theirs["metadata"]["ownerReferences"]
    kubectl.apply({**theirs, "metadata": {**theirs["metadata"], "name": "theirs"}})
    for kind in kinds:
        eventually(lambda kind=kind: kubectl.get(kind, "of-before") is None, f"the {kind} of before is gone")  # type: ignore[misc]
    assert kubectl.get("serviceaccount", "theirs") is not None
    deleted = {each.name for each in asked.writes() if each.verb == "delete" and each.namespace == kubectl.namespace}
    assert deleted == {"of-before"}
    ready(kubectl)
