"""What a router tells about its work: an event line, a metric and a count for service_metrics each."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, Outcome
from webhookcore.events import EventLog, EventName
from webhookcore.metrics import RouterMetrics
from webhookcore.store.rows import Row
from webhookcore_router.submission import Submission, Verdict

_MOST_SAMPLES = 2000


@dataclass(slots=True)
class ServiceMinute:
    """One service's work in the current minute; latencies in milliseconds, a fair sample of them."""

    delivered: int = 0
    failed: int = 0
    dead_lettered: int = 0
    samples: list[float] = field(default_factory=list)
    measured: int = 0

    def took(self, milliseconds: float) -> None:
        self.measured += 1
        if len(self.samples) < _MOST_SAMPLES:
            self.samples.append(milliseconds)
        elif (place := int(random.random() * self.measured)) < _MOST_SAMPLES:  # noqa: S311 - a sample, no secret
            self.samples[place] = milliseconds


def percentile(samples: list[float], share: float) -> float | None:
    """The sample below which `share` (0 to 1) of them lie; None for none."""
    if not samples:
        return None
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Reports:
    """Told of everything that happens; the only place in the router that formats an event."""

    def __init__(self, log: EventLog, metrics: RouterMetrics) -> None:
        self.log = log
        self.metrics = metrics
        self.services: dict[str, ServiceMinute] = {}
        self.acks = ServiceMinute()
        # Looking a label up costs more than counting.
        self.answered = cache(metrics.received.labels)
        self._decided = cache(metrics.events.labels)
        self._delivered = cache(metrics.deliveries.labels)
        self._delivery_seconds = cache(metrics.delivery_seconds.labels)

    # -- receiving ----------------------------------------------------------------------------------------------

    def received(self, submission: Submission, verdicts: list[Verdict], size: int, milliseconds: float) -> None:
        """A notification is durable."""
        self.acks.took(milliseconds)
        self.metrics.ack_seconds.observe(milliseconds / 1000)
        ids = {"correlation_id": submission.correlation_id, "request_id": submission.request_id}
        self.log.emit(
            EventName.CORE_WEBHOOK_RECEIVED,
            **ids,
            at=submission.received_at,
            bytes=size,
            events=len(verdicts),
            latencyMs=round(milliseconds, 1),
        )
        for event, verdict in zip(submission.events, verdicts, strict=True):
            self._decided(verdict.reason).inc()
            if verdict.limited is not None:
                self.log.emit(
                    EventName.CORE_RATE_LIMITED,
                    **ids,
                    at=submission.received_at,
                    sender=event.sender,
                    message_id=event.message_id,
                    onExceed=verdict.limited,
                    waitSeconds=verdict.wait_seconds,
                )
            self.log.emit(
                EventName.CORE_ROUTING_DECISION,
                **ids,
                at=submission.received_at,
                sender=event.sender,
                message_id=event.message_id,
                kind=event.kind,
                route=verdict.route,
                reason=verdict.reason,
            )

    def auth_failed(self, correlation_id: str, request_id: str, what: str) -> None:
        self.log.emit(EventName.CORE_AUTH_FAILED, correlation_id=correlation_id, request_id=request_id, what=what)

    # -- delivering ---------------------------------------------------------------------------------------------

    def delivery(self, row: Row, outcome: Outcome, attempts: int, milliseconds: float, now: datetime) -> None:
        """A delivery ended; `milliseconds` is what the service took."""
        service = self.services.setdefault(row.route, ServiceMinute())
        self._delivered(row.route, type(outcome).__name__.lower()).inc()
        match outcome:
            case Delivered(status):
                service.delivered += 1
                service.took(milliseconds)
                waited = max(0.0, (now - row.received_at).total_seconds())
                self._delivery_seconds(row.route).observe(waited)
                self._of(
                    row, EventName.CORE_DELIVERED, now, attempts=attempts, status=status, ms=round(milliseconds, 1)
                )
            case Failed() | Abandoned():
                service.failed += 1

    def dead_lettered(self, row: Row, outcome: Failed | Abandoned, attempts: int, now: datetime) -> None:
        """An event goes to the dead letter queue."""
        self.services.setdefault(row.route, ServiceMinute()).dead_lettered += 1
        self._of(
            row,
            EventName.CORE_DEAD_LETTERED,
            now,
            attempts=attempts,
            code=outcome.code,
            detail=outcome.detail,
            status=outcome.status,
            abandoned=isinstance(outcome, Abandoned),
        )

    def slo_violated(self, what: str, milliseconds: float, slo_milliseconds: float) -> None:
        self.log.emit(EventName.CORE_SLO_VIOLATED, slo=what, valueMs=round(milliseconds, 1), sloMs=slo_milliseconds)

    def _of(self, row: Row, name: EventName, now: datetime, **fields: object) -> None:
        self.log.emit(
            name,
            correlation_id=row.correlation_id,
            request_id=row.request_id,
            at=now,
            sender=row.sender,
            message_id=row.message_id,
            route=row.route,
            **fields,
        )
