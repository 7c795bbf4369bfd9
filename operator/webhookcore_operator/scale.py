"""How many routers to ask for, and who says so: the resource, or an autoscaler that the number was handed to. Pure."""

from dataclasses import dataclass

from webhookcore.settings import Router
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import FIELD_MANAGER


@dataclass(frozen=True, slots=True)
class Scale:
    """What to write."""

    replicas: int | None
    """As the Deployment's replicas; None leaves the field out."""
    hand_over: int | None = None
    """First let another field manager write this number: a field that nobody else owns would be reset when we leave it
    out, and three routers would become one.
    """


def decide(router: Router, live: Manifest | None) -> Scale:
    """`live` is the Deployment as it is, None before the first one."""
    scaling = router.autoscaling
    if live is None:
        return Scale(router.replicas if scaling is None else scaling.min_replicas)
    current: int = live["spec"].get("replicas", 1)
    if scaling is not None:
        return Scale(None, current if _owns_replicas(live) else None)
    if current <= router.replicas or _owns_replicas(live):
        return Scale(router.replicas)
    # The autoscaler has gone: what it had asked for stays until all of it is ready, and is then stepped down.
    return Scale(router.replicas if settled(live) else current)


def settled(live: Manifest) -> bool:
    """Whether the Deployment's pods are all of its newest template, and ready."""
    status = live.get("status") or {}
    wanted = live["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration") == live["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def _owns_replicas(live: Manifest) -> bool:
    """Whether the field is the operator's own, by what the API server keeps of who wrote what."""
    return any(
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in live["metadata"].get("managedFields") or ()
    )
