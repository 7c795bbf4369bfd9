"""The routers: their Deployment and the two Services before it."""

from typing import Any, Final

from webhookcore_operator.render import names, pods
from webhookcore_operator.render.inputs import Inputs, Manifest, child
from webhookcore_operator.render.names import Part

REQUESTS: Final = {"cpu": "100m", "memory": "192Mi"}


def deployment(inputs: Inputs, config: str) -> Manifest:
    """The routers, reading the ConfigMap of this name."""
    replicas = {} if inputs.replicas is None else {"replicas": inputs.replicas}
    return _child(
        inputs,
        "Deployment",
        names.router(inputs.name),
        {
            "spec": {
                **replicas,
                "paused": False,
                "minReadySeconds": 0,
                "progressDeadlineSeconds": 300,
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": names.selector(inputs.name, Part.ROUTER)},
                # A router that is to go does so only when its successor is ready; never more than one beside them.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": pods.template(inputs, _pod(inputs, config)),
            }
        },
    )


def service(inputs: Inputs) -> Manifest:
    """Where Meta's notifications arrive."""
    port = {"name": "http", "port": names.SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}
    return _service(inputs, names.router(inputs.name), port)


def internal_service(inputs: Inputs) -> Manifest:
    """Where dlq-processor posts redeliveries to."""
    port = {"name": "internal", "port": names.INTERNAL_PORT, "targetPort": "internal", "protocol": "TCP"}
    return _service(inputs, names.internal(inputs.name), port)


def _service(inputs: Inputs, name: str, port: dict[str, Any]) -> Manifest:
    spec = {
        "type": "ClusterIP",
        "selector": names.selector(inputs.name, Part.ROUTER),
        "sessionAffinity": "None",
        "publishNotReadyAddresses": False,
        "ports": [port],
    }
    return _child(inputs, "Service", name, {"spec": spec})


def _child(inputs: Inputs, kind: str, name: str, content: dict[str, Any]) -> Manifest:
    return child(inputs, kind, name, Part.ROUTER, content)


def _pod(inputs: Inputs, config: str) -> pods.Pod:
    router = inputs.spec.router
    placement = {
        "affinity": dict(router.affinity),
        "topologySpreadConstraints": list(router.topology_spread_constraints) or [_apart(inputs)],
    }
    return pods.Pod(
        part=Part.ROUTER,
        service_account=names.router(inputs.name),
        grace_seconds=pods.drain_seconds(inputs),
        args=(Part.ROUTER.value, "--tolerate-unknown"),
        requests=REQUESTS,
        restart="Always",
        resources=router.resources,
        config=config,
        annotations={**router.pod_annotations, names.SECRETS_ANNOTATION: inputs.secrets_hash},
        pod={name: wish for name, wish in placement.items() if wish},
        container={
            "ports": [
                {"name": "http", "containerPort": names.HTTP_PORT, "hostPort": 0, "protocol": "TCP"},
                {"name": "internal", "containerPort": names.INTERNAL_PORT, "hostPort": 0, "protocol": "TCP"},
            ],
            # A minute to start on a busy node; afterwards half a minute of silence, which no load explains. The
            # database is readiness's business: without it a router is as good as one in its place would be.
            "startupProbe": _probe("/livez", period=1, timeout=2, failures=60),
            "livenessProbe": _probe("/livez", period=10, timeout=5, failures=3),
            "readinessProbe": _probe("/readyz", period=2, timeout=3, failures=3),
        },
    )


def _apart(inputs: Inputs) -> dict[str, Any]:
    """Routers prefer nodes without another one of the same rollout: a node that dies takes one."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(inputs.name, Part.ROUTER)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "internal", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
        "successThreshold": 1,
    }
