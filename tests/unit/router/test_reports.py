"""What a router counts for a minute: a fair sample of latencies, and what lies below most of them."""

import io
import json
import random
from datetime import UTC, datetime

import pytest

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.events import EventLog, Pseudonyms
from webhookcore.metrics import RouterMetrics
from webhookcore.store.rows import Row
from webhookcore_router.reports import Reports, ServiceMinute, percentile

NOW = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)
ROW = Row(1, "491701234567", "mobility", 1, NOW, "wamid.1", "key", "keyword", None, "corr", "req", None, b"{}")


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([], 0.95, None),
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(number) for number in range(100)], 0.95, 95.0),
        ([float(number) for number in range(100)], 1.0, 99.0),
    ],
)
def test_percentile(samples: list[float], share: float, expected: float | None) -> None:
    """The sample below which the share lies; of none there is none."""
    assert percentile(samples, share) == expected


def test_a_busy_minute_is_sampled() -> None:
    """Of 50,000 latencies 2,000 are kept, early and late ones alike: the median of the sample is near the real one."""
    random.seed(7)
    minute = ServiceMinute()
    for number in range(50_000):
        minute.took(float(number))
    assert (minute.measured, len(minute.samples)) == (50_000, 2000)
    median = percentile(minute.samples, 0.5)
    assert median is not None
    assert 22_000 < median < 28_000


@pytest.mark.parametrize(
    ("outcome", "delivered", "failed", "label"),
    [
        (Delivered(200), 1, 0, "delivered"),
        (Failed(FailureCode.TIMEOUT, "late"), 0, 1, "failed"),
        (Abandoned(FailureCode.NEVER_RETRY, "no"), 0, 1, "abandoned"),
        (Parked("paused", NOW), 0, 0, "parked"),
    ],
)
def test_a_delivery_is_counted(outcome: Outcome, delivered: int, failed: int, label: str) -> None:
    """In its service's minute and by its outcome; only what was delivered is timed and told of."""
    out = io.StringIO()
    reports = Reports(EventLog(Pseudonyms(b"secret"), out), RouterMetrics())
    reports.delivery(ROW, outcome, 1, 12.5, NOW)
    minute = reports.services["mobility"]
    assert (minute.delivered, minute.failed, minute.dead_lettered) == (delivered, failed, 0)
    assert minute.samples == [12.5] * delivered
    labels = {"route": "mobility", "outcome": label}
    assert reports.metrics.registry.get_sample_value("webhookcore_deliveries_total", labels) == 1
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["CORE_DELIVERED"] * delivered
