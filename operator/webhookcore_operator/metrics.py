"""The operator's own numbers."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from webhookcore_operator.render import names

_PREFIX: Final = "webhookcore_operator_"


class Metrics:
    """One registry a process; nothing of it tells of a message."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.reconciles = Counter(f"{_PREFIX}reconcile", "Reconciliations by result.", ["result"], registry=registry)
        self.duration = Histogram(
            f"{_PREFIX}reconcile_duration_seconds",
            "How long a reconciliation took.",
            registry=registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.depth = Gauge(f"{_PREFIX}workqueue_depth", "Resources that wait for a worker.", registry=registry)
        self.drift = Counter(
            f"{_PREFIX}drift_corrections", "Children that somebody else had changed.", ["kind"], registry=registry
        )
        self.leader = Gauge(f"{_PREFIX}leader", "1 while this replica leads.", registry=registry)
        self.last_resync = Gauge(
            names.METRIC_LAST_RESYNC, "When everything was last put on the work queue.", registry=registry
        )
        self.condition = Gauge(
            names.METRIC_CONDITION,
            "1 while the condition of the resource is true, else 0.",
            ["resource_namespace", "resource_name", "condition"],
            registry=registry,
        )
