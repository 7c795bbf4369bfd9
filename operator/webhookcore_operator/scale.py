"""How many routers to ask for, and who says so: the resource, or an autoscaler that the number was handed to. Pure."""

from dataclasses import dataclass
from typing import Final

from webhookcore.settings import Router
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import FIELD_MANAGER, SCALE_MANAGER

_AUTOSCALER: Final = "kube-controller-manager"
"""Where the HorizontalPodAutoscaler's controller runs."""


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
    if scaling is not None and not current:
        return Scale(scaling.min_replicas)  # an autoscaler leaves alone what has none
    if scaling is not None:
        return Scale(None, current if _owns_replicas(live) else None)
    if current > router.replicas and _is_an_autoscalers(live) and not settled(live):
        # It has gone. What it had asked for stays until all of it is ready, and is stepped down then. Left out: once
        # the field is ours, nothing tells this number from one that somebody wrote by hand.
        return Scale(None)
    return Scale(router.replicas)


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
    """Whether the field is the operator's own."""
    return any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in _writers(live))


def _is_an_autoscalers(live: Manifest) -> bool:
    """Whether the field is an autoscaler's, or handed over to one that has not written it yet."""
    return any(entry.get("manager") in (SCALE_MANAGER, _AUTOSCALER) for entry in _writers(live))


def _writers(live: Manifest) -> list[Manifest]:
    """Whose the Deployment's replicas are, by what the API server keeps of who wrote what."""
    written = live["metadata"].get("managedFields") or ()
    return [entry for entry in written if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})]
