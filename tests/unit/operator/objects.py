"""Live objects as an API server tells of them, with what the operator looks at."""

from typing import Any

from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import API_VERSION, FIELD_MANAGER, KIND, Part, labels, owner_reference

NAMESPACE = "shop"
NAME = "shop"
UID = "u-1"


def config(name: str = NAME, *, uid: str = UID, created: str = "2026-01-01T00:00:00Z", **more: Any) -> Manifest:
    """A WebhookCoreConfig."""
    metadata = {"name": name, "namespace": NAMESPACE, "uid": uid, "generation": 7, "creationTimestamp": created}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {}, **more}


def child(kind: str, name: str, component: str, *, uid: str | None = UID, **more: Any) -> Manifest:
    """An object with the resource's labels; `uid` is its owner's."""
    metadata: Manifest = {"name": name, "namespace": NAMESPACE, "labels": labels(NAME, component)}
    if uid is not None:
        metadata["ownerReferences"] = [owner_reference(NAME, uid)]
    return {"kind": kind, "metadata": metadata, **more}


def writer(manager: str, operation: str, **fields: Any) -> Manifest:
    """An entry of managedFields."""
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}}


OPERATOR = writer(FIELD_MANAGER, "Apply", **{"f:replicas": {}})


def deployment(
    replicas: int = 2, *, ready: int | None = None, updated: int | None = None, written_by: tuple[Manifest, ...] = ()
) -> Manifest:
    """The routers': settled, unless fewer are `ready` or `updated`."""
    live = child("Deployment", "shop-router", Part.ROUTER)
    live["metadata"] |= {"generation": 3, "managedFields": list(written_by)}
    live["spec"] = {"replicas": replicas, "template": template("shop-live", image="webhook-core:1")}
    live["status"] = {
        "observedGeneration": 3,
        "replicas": replicas,
        "updatedReplicas": replicas if updated is None else updated,
        "readyReplicas": replicas if ready is None else ready,
        "availableReplicas": replicas if ready is None else ready,
    }
    return live


def template(config_map: str, *, image: str = "webhook-core:1") -> Manifest:
    """Of pods that run the image and read a ConfigMap."""
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": config_map}}]
    return {"spec": {"containers": [{"image": image}], "volumes": volumes}}


def job(name: str, component: str, ended: str = "", at: str = "", **more: Any) -> Manifest:
    """A Job; `ended`: Complete or Failed, `at` that time."""
    live = child("Job", name, component, uid=None, spec={"template": {"spec": {}}}, **more)
    if ended:
        condition = {"type": ended, "status": "True", "lastTransitionTime": at}
        live["status"] = {"conditions": [condition]} | ({"completionTime": at} if ended == "Complete" else {})
    return live


def pod(name: str, **status: Any) -> Manifest:
    return {"kind": "Pod", "metadata": {"name": name}, "status": status}
