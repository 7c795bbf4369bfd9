"""An operator that has nothing to do writes nothing."""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import NAMESPACE, Operator
from tests.cluster.support.standing import stand


@pytest.fixture(scope="module")
def idle(operator: Operator, module_namespaces: Callable[[], Namespace], shared_database: str) -> Namespace:
    """Its resource stands with all that it may have, an autoscaler too, and its CronJobs are suspended."""
    namespace = module_namespaces()
    scaled = {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 80}
    everything = {"spec.networkPolicy": {"enabled": True}, "spec.router": {"autoscaling": scaled}}
    stand(operator, namespace, shared_database, **everything)
    return namespace


def test_an_idle_cluster_sees_no_write_but_the_leases(operator: Operator, idle: Namespace) -> None:
    """Over three resyncs, by the audit log: the Lease is renewed, everything else is only read.

    How many reads a resync costs is bounded too: one list a kind, and what the resource refers to by name.
    """
    resource = idle.kubectl.must_get("wcc", "test")
    operator.resynced()
    asked = operator.audit()
    operator.resynced(3)
    ours = {idle.name, NAMESPACE}
    writes = eventually(
        lambda: [each for each in asked.requests() if each.is_write and each.namespace in ours], "the Lease is renewed"
    )
    assert {(each.verb, each.resource, each.namespace) for each in writes} == {("update", "leases", NAMESPACE)}
    assert (
        idle.kubectl.must_get("wcc", "test")["metadata"]["resourceVersion"] == resource["metadata"]["resourceVersion"]
    )

    reads = [each for each in asked.requests() if each.namespace == idle.name and each.verb in {"get", "list"}]
    resyncs = [each for each in reads if each.resource == "webhookcoreconfigs"]
    assert len(resyncs) >= 3
    lists = Counter(each.resource for each in reads if each.verb == "list")
    assert {"deployments", "horizontalpodautoscalers", "networkpolicies", "poddisruptionbudgets"} <= lists.keys()
    most = len(resyncs) + 1  # the first may have begun before the log
    assert {kind: times for kind, times in lists.items() if times > most} == {}, "one list a kind"
    gets = Counter((each.resource, each.name) for each in reads if each.verb == "get")
    assert {kind for kind, _ in gets} <= {"secrets", "services"}
    assert {name: times for name, times in gets.items() if times > most} == {}, "each is read once"
