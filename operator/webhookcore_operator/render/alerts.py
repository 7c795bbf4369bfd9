"""The alerts of a PrometheusRule: when somebody has to look, and what they look at first.

What routers read from the database they all tell alike: the maximum is taken, never the sum.
"""

from typing import Any

from webhookcore_operator.render import names
from webhookcore_operator.render.inputs import Inputs
from webhookcore_operator.render.job_alerts import job_alerts, missed_seconds
from webhookcore_operator.render.names import Part
from webhookcore_operator.render.promql import Severity, alert, equals, series

RESYNC_SECONDS = 600
"""Several times what lies between two resyncs."""


def alerts(inputs: Inputs) -> list[dict[str, Any]]:
    """The rules, the most urgent first."""
    return [
        *_receiving(inputs),
        *_dead_letters(inputs),
        *_services(inputs),
        *job_alerts(inputs),
        *_objectives(inputs),
        *_operator(inputs),
    ]


def _receiving(inputs: Inputs) -> list[dict[str, Any]]:
    refused = series(inputs.owner, "webhookcore_notifications_received_total", equals("status", "503"))
    depth = series(inputs.owner, "webhookcore_inbox_depth")
    return [
        alert(
            "WebhookCoreRefusing",
            f"sum(increase({refused}[5m])) > 0",
            "Notifications are refused with 503",
            "Routers cannot keep what arrives: the database is away, or too slow for what comes in. Meta sends it "
            "again, but not for ever.",
            lasting="5m",
            severity=Severity.CRITICAL,
        ),
        alert(
            "WebhookCoreMetricsAbsent",
            f"absent({depth})",
            "No router tells its metrics",
            "No router runs, or Prometheus does not reach its port 9090: nobody can say whether notifications arrive.",
            lasting="10m",
            severity=Severity.CRITICAL,
        ),
    ]


def _dead_letters(inputs: Inputs) -> list[dict[str, Any]]:
    letters = series(inputs.owner, "webhookcore_dead_letters")
    due = series(inputs.owner, "webhookcore_dead_letter_oldest_due_seconds")
    threshold, missed = inputs.spec.dlq.alert_threshold, missed_seconds(inputs, Part.DLQ_PROCESSOR)
    many = alert(
        "WebhookCoreDeadLetters",
        f"sum(max by (state) ({letters})) > {threshold}",
        f"More than {threshold} messages are undelivered",
        "{{ $value }} dead letters wait or were abandoned. `webhookcore dlq list` says which and why, "
        "`webhookcore dlq retry` sends them again.",
        lasting="5m",
    )
    overdue = alert(
        "WebhookCoreDeadLetterOverdue",
        f"max({due}) > {missed}",
        "Dead letters are not tried again",
        "The oldest is due for {{ $value | humanizeDuration }}: dlq-processor does not run, does not come through, or "
        "reaches no router. Look at its last Jobs.",
        lasting="1m",
    )
    return [many, overdue]


def _services(inputs: Inputs) -> list[dict[str, Any]]:
    breaker = series(inputs.owner, "webhookcore_breaker_open")
    oldest = series(inputs.owner, "webhookcore_inbox_oldest_seconds")
    down = alert(
        "WebhookCoreBreakerOpen",
        f"max by (route) ({breaker}) == 1",
        "The service {{ $labels.route }} is down",
        "Its circuit breaker is open: its messages wait, and become dead letters after maxAgeMinutes.",
        lasting="10m",
    )
    # What waits for a paused service waits because somebody wants it.
    if any(route.paused for route in inputs.spec.routes):
        return [down]
    slow = alert(
        "WebhookCoreInboxOld",
        f"max({oldest}) > 300 unless max({breaker}) == 1",
        "Accepted messages are not delivered",
        "The oldest waits for {{ $value | humanizeDuration }}, and no circuit breaker says why: a service is too slow "
        "for what comes in, or a sender is above the rate limit.",
        lasting="5m",
    )
    return [down, slow]


def _objectives(inputs: Inputs) -> list[dict[str, Any]]:
    """The gauges keep what they were last told: a router without traffic, or long started, misses nothing now."""
    owner = inputs.owner
    p95, p95_slo = series(owner, "webhookcore_ack_p95_seconds"), series(owner, "webhookcore_slo_p95_seconds")
    start, start_slo = (
        series(owner, "webhookcore_cold_start_seconds"),
        series(owner, "webhookcore_slo_cold_start_seconds"),
    )
    answered = series(owner, "webhookcore_ack_seconds_count")
    return [
        alert(
            "WebhookCoreAckSlow",
            f"max(({p95} > {p95_slo}) and increase({answered}[5m]) > 0)",
            "Notifications are answered too slowly",
            "p95 is {{ $value | humanizeDuration }}, above router.slo.p95Ms. More routers, a faster database, or less "
            "beside them on their nodes.",
            lasting="10m",
        ),
        alert(
            "WebhookCoreColdStartSlow",
            f"max(({start} > {start_slo}) unless {start} offset 30m)",
            "A router started too slowly",
            "It took {{ $value | humanizeDuration }}, more than router.slo.coldStartMs: its node was busy, its CPU "
            "limit is small, or the database answered late.",
            lasting="0m",
            severity=Severity.INFO,
        ),
    ]


def _operator(inputs: Inputs) -> list[dict[str, Any]]:
    """Where the operator's metrics are not read there is nothing to compare, and these are silent."""
    owner = inputs.owner
    resource = (equals("resource_namespace", owner.namespace), equals("resource_name", owner.name))
    ready = f"{names.METRIC_CONDITION}{{{','.join((*resource, equals('condition', 'Ready')))}}}"
    return [
        alert(
            "WebhookCoreNotReady",
            f"max({ready}) < 1",
            f"WebhookCoreConfig {owner.name} is not ready",
            f"`kubectl describe wcc {owner.name} -n {owner.namespace}` says why: read the conditions.",
            lasting="15m",
            severity=Severity.CRITICAL,
        ),
        alert(
            "WebhookCoreOperatorStale",
            f"time() - max({names.METRIC_LAST_RESYNC}) > {RESYNC_SECONDS}",
            "The operator does not look at its resources",
            "Its last resync was {{ $value | humanizeDuration }} ago. What runs goes on; changes and repairs wait. "
            "Look at the operator's log.",
            lasting="5m",
        ),
    ]
