"""The metrics of a router, each named and described here and nowhere else. docs/operations.md lists them."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 1.2, 2.0, 4.0, 10.0)


class RouterMetrics:
    """One registry a router; nothing global, so that tests and two apps in a process do not meet."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.received = Counter(
            "webhookcore_notifications_received", "Notifications by what was answered", ["status"], registry=registry
        )
        self.events = Counter("webhookcore_events", "Accepted events by decision", ["reason"], registry=registry)
        self.deliveries = Counter(
            "webhookcore_deliveries", "Deliveries by route and outcome", ["route", "outcome"], registry=registry
        )
        self.ack_seconds = Histogram(
            "webhookcore_ack_seconds",
            "From a notification's arrival to its durable answer",
            buckets=_LATENCY_SECONDS,
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "webhookcore_delivery_seconds",
            "From acceptance to the service's answer",
            ["route"],
            buckets=_LATENCY_SECONDS,
            registry=registry,
        )
        self.held = Gauge("webhookcore_held_rows", "Inbox rows in this router's memory", registry=registry)
        self.uncommitted = Gauge(
            "webhookcore_uncommitted_requests", "Requests that wait for a commit", registry=registry
        )
        self.inbox_depth = Gauge("webhookcore_inbox_depth", "Events in the inbox", registry=registry)
        self.inbox_oldest_seconds = Gauge(
            "webhookcore_inbox_oldest_seconds", "Age of the oldest event in the inbox", registry=registry
        )
        self.dead_letters = Gauge("webhookcore_dead_letters", "Dead letters by state", ["state"], registry=registry)
        self.dead_letter_oldest_seconds = Gauge(
            "webhookcore_dead_letter_oldest_due_seconds",
            "How long the oldest due dead letter is due",
            registry=registry,
        )
        self.breaker_open = Gauge(
            "webhookcore_breaker_open", "1 while the service's circuit breaker is open", ["route"], registry=registry
        )
        self.job_last_success = Gauge(
            "webhookcore_job_last_success_timestamp_seconds",
            "Unix time of a job's last success",
            ["job"],
            registry=registry,
        )
        self.cold_start_seconds = Gauge(
            "webhookcore_cold_start_seconds", "From process start to ready", registry=registry
        )
        self.cold_start_slo_seconds = Gauge(
            "webhookcore_slo_cold_start_seconds", "The cold start SLO", registry=registry
        )
        self.p95_slo_seconds = Gauge(
            "webhookcore_slo_p95_seconds", "The p95 SLO of acknowledgements", registry=registry
        )
        self.p95_seconds = Gauge(
            "webhookcore_ack_p95_seconds", "p95 of acknowledgements in the last minute", registry=registry
        )
