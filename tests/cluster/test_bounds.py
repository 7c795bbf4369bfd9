"""Resources at every bound of the CRD: the operator makes of them what it makes of any other."""

import base64
from typing import Any, Final

import pytest
from tests.cluster.crd_bounds import LARGEST, SMALLEST
from tests.cluster.support import manifests
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator, becomes, condition
from tests.unit.settings.configs import changed

from webhookcore.settings import WebhookCoreSpec
from webhookcore_operator.render import references

BY_HAND: Final = {
    # Its image is nowhere to be had: no migration of it could ever run.
    "spec.database.migrations": "Manual",
    "spec.dlq.suspend": True,
    "spec.cleanup.suspend": True,
}


def secrets(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that it refers to, with every key."""
    keys: dict[str, dict[str, str]] = {}
    for reference in references(WebhookCoreSpec.model_validate(spec)):
        keys.setdefault(reference.name, {})[reference.key] = "postgresql://db/a-secret-of-tests"
    return [manifests.secret(name, held) for name, held in keys.items()]


@pytest.mark.parametrize("bound", [LARGEST, SMALLEST], ids=["largest", "smallest"])
def test_a_resource_at_the_bounds_is_reconciled(
    operator: Operator, namespace: Namespace, bound: dict[str, Any]
) -> None:
    """Every child is made, the API server takes each as it is, and the status says what is missing."""
    del operator
    kubectl, resource = namespace.kubectl, changed(BY_HAND, bound)
    name, routers = resource["metadata"]["name"], f"{resource['metadata']['name']}-router"
    kubectl.apply(*secrets(resource["spec"]))
    # The client's own annotation of what was applied last has less room than the largest resource.
    kubectl.apply(resource, server_side=True)
    # Its pods cannot start (there is no such image), and a Service that a route names is not there.
    becomes(kubectl, "DependenciesResolved", "False", "ServiceMissing", name=name)
    told = eventually(lambda: condition(kubectl, "SpecApplied", name), "a word on the children")
    assert told["reason"] in {"RollingOut", "RolloutStalled"}, told
    deployment = kubectl.must_get("deployment", routers)
    assert deployment["spec"]["replicas"] == resource["spec"]["router"]["autoscaling"]["minReplicas"]
    assert kubectl.names("cronjobs") == {"dlq-processor", "session-cleanup"}
    assert kubectl.names("hpa") == {routers}
    assert kubectl.names("services") == {routers, f"{routers}-internal"}
    config = next(each for each in kubectl.all("configmaps") if each["metadata"]["name"].startswith(f"{name}-router-"))
    assert resource["spec"]["routes"][-1]["name"] in config["data"]["webhookcoreconfig.yaml"]
    assert base64.b64decode(kubectl.must_get("secret", f"{name}-internal")["data"]["secret"])
    assert kubectl.must_get("wcc", name)["status"]["selector"].count(name) >= 1
    kubectl.delete("wcc", name)
