"""Resources, namespaces and the operator are deleted in any order: nothing hangs, nothing remains."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from tests.cluster.support import live as lives
from tests.cluster.support import operator as operators
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.live import CALM, NAME, ROUTER, SELECTOR
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import RELEASE, Operator
from tests.support.config import route

from webhookcore_operator.leader import NAME as LEASE
from webhookcore_operator.render import Part

KINDS: Final = ",".join(
    (
        *("deployments", "replicasets", "pods", "services", "configmaps", "serviceaccounts", "secrets", "jobs"),
        *("cronjobs", "poddisruptionbudgets", "horizontalpodautoscalers", "networkpolicies"),
    )
)
OURS: Final = f"app.kubernetes.io/instance={NAME}"
GONE_SECONDS: Final = 120.0
CHILDREN: Final = {
    f"{NAME}-internal",
    ROUTER,
    f"{ROUTER}-internal",
    f"{NAME}-jobs",
    *(Part.DLQ_PROCESSOR, "session-cleanup"),
}
UNSCHEDULABLE: Final = {"nodeSelector": {"no-such": "node"}}
"""Its pods wait for ever: all that these tests need of them is that they are there."""


def made(namespace: Namespace, *, name: str = NAME, **spec: Any) -> Namespace:
    """A resource without a database: its children are there, its routers wait."""
    namespace.secrets("postgresql://nobody@nowhere.invalid/nothing")
    database = {"urlSecretRef": {"name": "database", "key": "url"}, "migrations": "Manual"}
    rides = route("rides", "http://rides.example/webhook")
    wanted = {"fallback": "rides", "database": database, "router": {"replicas": 1, **UNSCHEDULABLE}, **CALM, **spec}
    namespace.kubectl.apply(namespace.config(rides, name=name, **wanted))
    return namespace


def has_children(namespace: Namespace) -> None:
    """All of them."""
    eventually(lambda: children(namespace.kubectl) >= CHILDREN, "the children are there")


def children(kubectl: Kubectl) -> set[str]:
    """The names of all that has the resource's label."""
    return kubectl.names(KINDS, OURS)


def nothing_remains(kubectl: Kubectl) -> None:
    eventually(lambda: not children(kubectl), "no child remains", seconds=GONE_SECONDS)


def is_gone(namespace: Namespace) -> None:
    """The whole namespace."""
    cluster = namespace.cluster.kubectl
    eventually(
        lambda: cluster.get("namespace", namespace.name) is None, f"{namespace.name} is gone", seconds=GONE_SECONDS
    )


def delete(namespace: Namespace, *more: str) -> None:
    """The resource; returns when it is gone, and fails where that hangs."""
    namespace.kubectl("delete", "wcc", NAME, "--timeout=30s", *more)
    assert namespace.kubectl.get("wcc", NAME) is None


def of_the_release(operator: Operator) -> set[str]:
    """What the operator's own release put into the cluster, and what the operator made for itself."""
    kinds = f"{KINDS},roles,rolebindings,clusterroles,clusterrolebindings"
    return operator.kubectl.names(kinds, f"app.kubernetes.io/instance={RELEASE}") | operator.kubectl.names("leases")


@pytest.fixture
def back(operator: Operator) -> Iterator[Operator]:
    """The operator, which may be deleted: it is there again afterwards."""
    yield operator
    operator.install()


def test_in_any_order(back: Operator, namespaces: Callable[[], Namespace]) -> None:
    """With the operator there, at the same moment as the operator, and when it has gone; the resource first or its
    namespace.
    """
    with ThreadPoolExecutor() as pool:
        every = list(pool.map(made, [namespaces() for _ in range(6)]))
        list(pool.map(has_children, every))
    alone, cascading, whole, together, later, last = every

    alone.kubectl("create", "job", "--from=cronjob/dlq-processor", "by-hand")
    delete(alone)
    delete(cascading, "--cascade=foreground")
    whole.cluster.kubectl.delete("namespace", whole.name, wait=False)
    for namespace in (alone, cascading):
        nothing_remains(namespace.kubectl)
        assert namespace.kubectl.names("jobs,pods") == set(), "nor what was started by hand"
    is_gone(whole)

    delete(together)
    assert LEASE in of_the_release(back)
    back.uninstall()
    eventually(lambda: not of_the_release(back), "nothing remains of the operator")
    delete(later)
    for namespace in (together, later):
        nothing_remains(namespace.kubectl)
    last.cluster.kubectl.delete("namespace", last.name, wait=False)
    is_gone(last)


def test_the_operator_comes_back_to_what_ran(back: Operator, namespace: Namespace) -> None:
    """Without it everything stays; what was changed meanwhile is brought about."""
    kubectl = made(namespace).kubectl
    has_children(namespace)
    before = kubectl.must_get("deployment", ROUTER)["metadata"]["uid"]
    back.uninstall()
    kubectl.delete("cronjob", Part.SESSION_CLEANUP)
    kubectl.patch("wcc", NAME, {"spec": {"dlq": {"schedule": "*/9 * * * *"}}})
    assert kubectl.must_get("deployment", ROUTER)["metadata"]["uid"] == before
    back.install()
    has_children(namespace)

    def schedule() -> str:
        found: str = kubectl.must_get("cronjob", Part.DLQ_PROCESSOR)["spec"]["schedule"]
        return found

    eventually(lambda: schedule() == "*/9 * * * *", "the change is brought about")
    assert kubectl.must_get("deployment", ROUTER)["metadata"]["uid"] == before


def test_deleted_and_made_again_at_once(operator: Operator, namespace: Namespace) -> None:
    """The new resource waits until the old one's children are gone, and becomes Ready with its own."""
    del operator
    live = lives.live(namespace)
    kubectl, old = live.kubectl, live.routers()
    wanted = kubectl.must_get("wcc", NAME)
    again = {"metadata": {"name": NAME}, **{field: wanted[field] for field in ("apiVersion", "kind", "spec")}}
    delete(namespace)
    kubectl.apply(again)
    live.wait_ready()
    uid = kubectl.must_get("wcc", NAME)["metadata"]["uid"]
    assert uid != wanted["metadata"]["uid"]
    for child in kubectl.all("deployments,services,configmaps,serviceaccounts,secrets,cronjobs,networkpolicies", OURS):
        assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [uid], child["metadata"]["name"]
    assert not live.routers() & old
    eventually(live.answers, "the network knows the new routers")
    live.recorder.wait_for(1)


def test_suspended_before_it_was_ever_reconciled(operator: Operator, namespace: Namespace) -> None:
    """No child is made and that is said; it has the names all the same; no longer suspended, it gets its children."""
    kubectl = made(namespace, suspend=True).kubectl
    told = operators.becomes(kubectl, "Ready", "Unknown", "Suspended")
    assert told["observedGeneration"] == 1
    operators.becomes(kubectl, "Suspended", "True", "Suspended")
    made(namespace, name="younger")
    operators.becomes(kubectl, "SpecApplied", "False", "NameConflict", name="younger")
    operator.resynced()
    assert children(kubectl) == set()
    assert kubectl.names(KINDS, "app.kubernetes.io/instance=younger") == set()

    kubectl.delete("wcc", "younger")
    kubectl.patch("wcc", NAME, {"spec": {"suspend": False}})
    has_children(namespace)
    operators.becomes(kubectl, "Suspended", "False")
    kubectl.patch("wcc", NAME, {"spec": {"suspend": True}})
    operators.becomes(kubectl, "Suspended", "True")
    kubectl.delete("cronjob", Part.DLQ_PROCESSOR)
    operator.resynced()
    assert kubectl.get("cronjob", Part.DLQ_PROCESSOR) is None, "what is suspended is not repaired"
    assert kubectl.names("pods", SELECTOR), "and what runs stays"
    delete(namespace)
    nothing_remains(kubectl)
