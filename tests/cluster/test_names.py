"""Names that two want: the CronJobs' are the same in every namespace, and only one can have them there."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.cluster.support import manifests
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator, becomes, condition, ready
from tests.cluster.support.standing import NAME, TASKS, stand, standing

SECONDS: Final = 10.0
"""In which a name that is free again is taken: it is looked at every 5 s."""
PARTS: Final = "deployments,services,configmaps,serviceaccounts,cronjobs,jobs,secrets"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def place(operator: Operator, module_namespaces: Callable[[], Namespace], shared_database: str) -> Namespace:
    """Has a resource that is Ready."""
    namespace = module_namespaces()
    stand(operator, namespace, shared_database)
    return namespace


def strangers_cron_job(image: str, name: str = "dlq-processor") -> dict[str, Any]:
    """Of that name by chance: it has even our labels."""
    spec = manifests.pod_spec(manifests.container("theirs", image, ["--version"]), restartPolicy="Never")
    labels = {
        "app.kubernetes.io/name": "webhook-core",
        "app.kubernetes.io/instance": NAME,
        "app.kubernetes.io/component": name,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": labels},
        "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": spec}}}},
    }


def children(kubectl: Kubectl, instance: str) -> set[tuple[str, str]]:
    """What has this resource's label."""
    items = kubectl.all(PARTS, f"app.kubernetes.io/instance={instance}")
    return {(each["kind"], each["metadata"]["name"]) for each in items}


def owner(kubectl: Kubectl, cron_job: str = "dlq-processor") -> str:
    """The name of the resource whose it is; "" for a stranger's."""
    references = kubectl.must_get("cronjob", cron_job)["metadata"].get("ownerReferences", [])
    return str(references[0]["name"]) if references else ""


@pytest.mark.parametrize("foreign_owner", [False, True], ids=["a stranger's", "of a vanished resource of this name"])
def test_a_strangers_cron_job(operator: Operator, place: Namespace, foreign_owner: bool) -> None:
    """Untouched, though it has our labels; NameConflict says which; everything else is right; made when it goes."""
    kubectl = place.kubectl
    stranger = strangers_cron_job(place.cluster.image)
    if foreign_owner:
        # Something that is there: the garbage collector would delete what belongs to nobody.
        uid = kubectl.must_get("serviceaccount", "default")["metadata"]["uid"]
        reference = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "uid": uid}
        stranger["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
    kubectl.delete("wcc", NAME)
    eventually(lambda: not children(kubectl, NAME), "nothing of the resource is left")
    kubectl.apply(stranger)
    before = kubectl.must_get("cronjob", "dlq-processor")
    asked = operator.audit()
    kubectl.apply(standing(place))
    told = becomes(kubectl, "SpecApplied", "False", "NameConflict")
    assert "CronJob dlq-processor" in told["message"]
    assert "delete or rename it" in told["message"]
    assert condition(kubectl, "Ready")["status"] == "False"
    assert condition(kubectl, "RouterAvailable")
    eventually(lambda: owner(kubectl, "session-cleanup") == NAME, "the other CronJob is made all the same")
    kubectl.rolled_out(f"deployment/{NAME}-router")

    operator.resynced()
    assert kubectl.must_get("cronjob", "dlq-processor") == before
    assert [each for each in asked.writes() if each.name == "dlq-processor" and each.namespace == place.name] == []

    kubectl.delete("cronjob", "dlq-processor")
    eventually(lambda: owner(kubectl) == NAME, "dlq-processor is the resource's", seconds=SECONDS)
    ready(kubectl)


def test_two_resources_in_one_namespace(operator: Operator, place: Namespace) -> None:
    """The younger says NameConflict and touches nothing; when the older goes, it takes over by itself."""
    kubectl = place.kubectl
    ready(kubectl)
    made = {name: kubectl.must_get("cronjob", name)["metadata"]["uid"] for name in TASKS}
    asked = operator.audit()
    kubectl.apply(standing(place, "younger"))
    told = becomes(kubectl, "SpecApplied", "False", "NameConflict", name="younger")
    assert f"WebhookCoreConfig {NAME} of this namespace is older" in told["message"]
    assert condition(kubectl, "Ready", "younger")["status"] == "False"
    operator.resynced()
    assert children(kubectl, "younger") == set()
    written = {each.resource for each in asked.writes() if each.namespace == place.name}
    assert written <= {"webhookcoreconfigs/status", "events"}
    ready(kubectl)
    assert {name: kubectl.must_get("cronjob", name)["metadata"]["uid"] for name in TASKS} == made

    kubectl.delete("wcc", NAME)
    for name in TASKS:
        eventually(lambda name=name: owner(kubectl, name) == "younger", f"{name} is the younger's")  # type: ignore[misc]
    ready(kubectl, "younger")
    eventually(lambda: children(kubectl, NAME) == set(), "nothing of the older is left")


def test_two_namespaces_live_side_by_side(
    operator: Operator, place: Namespace, namespace: Namespace, shared_database: str
) -> None:
    """Resources of one name, each with its own children; what is changed or deleted in one leaves the other alone."""
    names = place.kubectl.names("wcc")
    namespace.secrets(shared_database)
    namespace.kubectl.apply(standing(namespace))
    ready(namespace.kubectl)
    (there,) = names
    ready(place.kubectl, there)
    operator.resynced()
    asked = operator.audit()
    namespace.kubectl.patch("wcc", NAME, {"spec": {"dlq": {"schedule": "1 2 3 4 *"}}})
    eventually(
        lambda: namespace.kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] == "1 2 3 4 *",
        "the schedule of the one",
    )
    namespace.kubectl.delete("wcc", NAME)
    eventually(lambda: children(namespace.kubectl, NAME) == set(), "nothing of it is left")
    assert place.kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] != "1 2 3 4 *"
    ready(place.kubectl, there)
    assert [each for each in asked.writes() if each.namespace == place.name] == []
