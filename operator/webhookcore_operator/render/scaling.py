"""How many routers there are, and how many may be taken away at a time."""

from typing import Final

from webhookcore.settings import Router
from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Inputs, Manifest, child
from webhookcore_operator.render.names import Part

SPARE: Final = 2


def disruption_budget(inputs: Inputs) -> Manifest | None:
    """One router at a time may be evicted. None where two are not sure: it would hold the only one on its
    node, or protect nobody.
    """
    if _surely(inputs.spec.router) < SPARE:
        return None
    spec = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": names.selector(inputs.name, Part.ROUTER)},
        # A router that is not ready serves nobody: it does not stand in the way of a node's drain.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    name = names.router(inputs.name)
    return child(inputs, "PodDisruptionBudget", name, Part.ROUTER, {"spec": spec})


def autoscaler(inputs: Inputs) -> Manifest | None:
    """The HorizontalPodAutoscaler, where one is wanted."""
    if (scaling := inputs.spec.router.autoscaling) is None:
        return None
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_utilization_percentage}
    name = names.router(inputs.name)
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return child(inputs, "HorizontalPodAutoscaler", name, Part.ROUTER, {"spec": spec})


def _surely(router: Router) -> int:
    return router.autoscaling.min_replicas if router.autoscaling else router.replicas
