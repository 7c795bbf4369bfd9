"""The NetworkPolicy: who may speak to the routers. It takes effect where the cluster's network enforces policies."""

from typing import Any, Final

from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Inputs, Manifest, child
from webhookcore_operator.render.names import Part

MONITORING: Final[tuple[dict[str, Any], ...]] = (
    # The namespace that monitoring usually has, by the label that Kubernetes itself gives to every namespace; and
    # Prometheus wherever it runs, by the label that its operator and its charts give to its pods.
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
    {"namespaceSelector": {}, "podSelector": {"matchLabels": {names.LABEL_NAME: "prometheus"}}},
)


def network_policy(inputs: Inputs) -> Manifest | None:
    """The public listener is open to all, the internal one to dlq-processor and monitoring. (Probes come from the
    node, which is always let in.) What routers send is not limited: services, Meta and the database may be anywhere.
    """
    if not inputs.spec.network_policy.enabled:
        return None
    jobs = {"podSelector": {"matchLabels": names.selector(inputs.name, Part.DLQ_PROCESSOR)}}
    spec = {
        "podSelector": {"matchLabels": names.selector(inputs.name, Part.ROUTER)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"ports": [{"protocol": "TCP", "port": names.HTTP_PORT}]},
            {"ports": [{"protocol": "TCP", "port": names.INTERNAL_PORT}], "from": [jobs, *MONITORING]},
        ],
    }
    name = names.router(inputs.name)
    return child(inputs, "NetworkPolicy", name, Part.ROUTER, {"spec": spec})
