"""The PodMonitor and the PrometheusRule, each where it is wanted and the Prometheus operator's CRD of it exists."""

from webhookcore_operator.render import names
from webhookcore_operator.render.alerts import alerts
from webhookcore_operator.render.inputs import POD_MONITOR, PROMETHEUS_RULE, Inputs, Manifest, child
from webhookcore_operator.render.names import APP, Part


def pod_monitor(inputs: Inputs) -> Manifest | None:
    """Reads the routers' metrics."""
    if not inputs.spec.monitoring.pod_monitor or POD_MONITOR not in inputs.monitoring:
        return None
    # One metric has a label `job` of its own: it is kept as it is.
    endpoint = {"port": "internal", "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s", "honorLabels": True}
    spec = {
        "selector": {"matchLabels": names.selector(inputs.name, Part.ROUTER)},
        "podMetricsEndpoints": [endpoint],
    }
    return child(inputs, POD_MONITOR, names.router(inputs.name), Part.ROUTER, {"spec": spec})


def prometheus_rule(inputs: Inputs) -> Manifest | None:
    """The alerts."""
    if not inputs.spec.monitoring.prometheus_rule or PROMETHEUS_RULE not in inputs.monitoring:
        return None
    spec = {"groups": [{"name": APP, "rules": alerts(inputs)}]}
    return child(inputs, PROMETHEUS_RULE, inputs.name, Part.ROUTER, {"spec": spec})
