"""The alerts, each tried by Prometheus' own promtool: it fires when it should, and is silent when not."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.unit.operator.render.promtool import described, firing, promtool
from tests.unit.operator.render.resources import LONGEST, MINIMAL, changed, inputs

from webhookcore.metrics import RouterMetrics
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.render import router_children

SPEC: Final = changed(MINIMAL, "spec.monitoring", {"prometheusRule": True})
POD: Final = 'namespace="shop",pod="core-router-5d4f8c7b9-x2x7q"'
SECOND: Final = 'namespace="shop",pod="core-router-5d4f8c7b9-k8k2p"'
OF_THE_RESOURCE: Final = 'resource_namespace="shop",resource_name="core"'
LAST: Final = "webhookcore_job_last_success_timestamp_seconds"
HEALTHY: Final[Mapping[str, str]] = {
    f"webhookcore_inbox_depth{{{POD}}}": "0x120",
    # A metric's time is compared with the clock: promtool's begins at 0.
    f'{LAST}{{{POD},job="dlq-processor"}}': "0+60x120",
    f'{LAST}{{{POD},job="session-cleanup"}}': "0+60x120",
}
"""What a router at rest tells, in steps of a minute."""


def rules_of(spec: Mapping[str, Any], name: str = "core") -> list[dict[str, Any]]:
    [rule] = [child for child in router_children(inputs(spec, name=name)) if child["kind"] == "PrometheusRule"]
    [group] = rule["spec"]["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def written(folder: Path, spec: Mapping[str, Any] = SPEC, name: str = "core") -> Path:
    """The rules as a file of Prometheus': a PrometheusRule's spec is one."""
    file = folder / "rules.yaml"
    groups = {"groups": [{"name": "webhook-core", "rules": rules_of(spec, name)}]}
    file.write_text(yaml.safe_dump(groups), encoding="utf-8")
    return file


def fires(alert: str, severity: str = "warning", **labels: str) -> list[dict[str, str]]:
    return [{"alertname": alert, "severity": severity, **labels}]


QUIET: Final[list[dict[str, str]]] = []
ABSENT: Final = fires("WebhookCoreMetricsAbsent", "critical", namespace="shop")
STATES: Final = {
    "at rest": ({}, QUIET, "1h"),
    # -- receiving
    "refusing": (
        {f'webhookcore_notifications_received_total{{{POD},status="503"}}': "0+3x60"},
        fires("WebhookCoreRefusing", "critical"),
        "20m",
    ),
    "refused once, long ago": (
        {f'webhookcore_notifications_received_total{{{POD},status="503"}}': "0 7x60"},
        QUIET,
        "20m",
    ),
    "answering all": ({f'webhookcore_notifications_received_total{{{POD},status="200"}}': "0+3x60"}, QUIET, "20m"),
    # -- dead letters
    "as many dead letters as may be": (
        {
            f'webhookcore_dead_letters{{{POD},state="waiting"}}': "60x60",
            f'webhookcore_dead_letters{{{SECOND},state="waiting"}}': "60x60",
            f'webhookcore_dead_letters{{{POD},state="abandoned"}}': "40x60",
        },
        QUIET,
        "20m",
    ),
    "one dead letter too many": (
        {
            f'webhookcore_dead_letters{{{POD},state="waiting"}}': "60x60",
            f'webhookcore_dead_letters{{{SECOND},state="waiting"}}': "60x60",
            f'webhookcore_dead_letters{{{POD},state="abandoned"}}': "41x60",
        },
        fires("WebhookCoreDeadLetters"),
        "20m",
    ),
    # Every five minutes: three runs, and the last one's 300 s.
    "a dead letter that the next run will take": (
        {f"webhookcore_dead_letter_oldest_due_seconds{{{POD}}}": "1200x60"},
        QUIET,
        "20m",
    ),
    "a dead letter that nobody takes": (
        {f"webhookcore_dead_letter_oldest_due_seconds{{{POD}}}": "1201x60"},
        fires("WebhookCoreDeadLetterOverdue"),
        "20m",
    ),
    # -- services
    "a breaker that opened just now": ({f'webhookcore_breaker_open{{{POD},route="rides"}}': "0x14 1x60"}, QUIET, "20m"),
    "a service that is down": (
        {
            f'webhookcore_breaker_open{{{POD},route="rides"}}': "0x5 1x60",
            f'webhookcore_breaker_open{{{SECOND},route="rides"}}': "0x5 1x60",
            f'webhookcore_breaker_open{{{POD},route="jobs"}}': "0x60",
        },
        fires("WebhookCoreBreakerOpen", route="rides"),
        "20m",
    ),
    "an inbox that grows old": (
        {
            f"webhookcore_inbox_oldest_seconds{{{POD}}}": "301x60",
            f'webhookcore_breaker_open{{{POD},route="rides"}}': "0x60",
        },
        fires("WebhookCoreInboxOld"),
        "20m",
    ),
    "an inbox that waits for a service": (
        {
            f"webhookcore_inbox_oldest_seconds{{{POD}}}": "301x60",
            f'webhookcore_breaker_open{{{POD},route="rides"}}': "1x60",
            f'webhookcore_breaker_open{{{POD},route="jobs"}}': "0x60",
        },
        QUIET,
        "9m",
    ),
    # -- jobs
    "a job that succeeded three runs ago": ({f'{LAST}{{{POD},job="dlq-processor"}}': "0x60"}, QUIET, "20m"),
    "a job that fails": (
        {f'{LAST}{{{POD},job="dlq-processor"}}': "0x60"},
        fires("WebhookCoreJobFailing", job_name="dlq-processor"),
        "23m",
    ),
    "one router that has not heard of it yet": (
        {
            f'{LAST}{{{POD},job="dlq-processor"}}': "0x60",
            f'{LAST}{{{SECOND},job="dlq-processor"}}': "0+60x60",
        },
        QUIET,
        "30m",
    ),
    # -- objectives
    "slow answers": (
        {
            f"webhookcore_ack_p95_seconds{{{POD}}}": "1.3x60",
            f"webhookcore_slo_p95_seconds{{{POD}}}": "1.2x60",
            f"webhookcore_ack_seconds_count{{{POD}}}": "0+9x60",
        },
        fires("WebhookCoreAckSlow"),
        "20m",
    ),
    "answers that were slow once": (
        {
            f"webhookcore_ack_p95_seconds{{{POD}}}": "1.3x60",
            f"webhookcore_slo_p95_seconds{{{POD}}}": "1.2x60",
            f"webhookcore_ack_seconds_count{{{POD}}}": "9x60",
        },
        QUIET,
        "20m",
    ),
    "answers that are quick enough": (
        {
            f"webhookcore_ack_p95_seconds{{{POD}}}": "1.2x60",
            f"webhookcore_slo_p95_seconds{{{POD}}}": "1.2x60",
            f"webhookcore_ack_seconds_count{{{POD}}}": "0+9x60",
        },
        QUIET,
        "20m",
    ),
    "a slow start": (
        {
            f"webhookcore_cold_start_seconds{{{SECOND}}}": "_x50 3x60",
            f"webhookcore_slo_cold_start_seconds{{{SECOND}}}": "_x50 1.75x60",
        },
        fires("WebhookCoreColdStartSlow", "info"),
        "1h",
    ),
    "a slow start, an hour ago": (
        {
            f"webhookcore_cold_start_seconds{{{SECOND}}}": "3x90",
            f"webhookcore_slo_cold_start_seconds{{{SECOND}}}": "1.75x90",
        },
        QUIET,
        "1h",
    ),
    # -- the operator
    "not ready": (
        {
            f'webhookcore_operator_resource_condition{{{OF_THE_RESOURCE},condition="Ready",pod="a"}}': "0x60",
            f'webhookcore_operator_resource_condition{{{OF_THE_RESOURCE},condition="SpecApplied",pod="a"}}': "1x60",
        },
        fires("WebhookCoreNotReady", "critical"),
        "20m",
    ),
    "not ready while it rolls": (
        {f'webhookcore_operator_resource_condition{{{OF_THE_RESOURCE},condition="Ready"}}': "1x6 0x60"},
        QUIET,
        "20m",
    ),
    "another resource that is not ready": (
        {
            'webhookcore_operator_resource_condition{resource_namespace="x",resource_name="core",condition="Ready"}': (
                "0x60"
            )
        },
        QUIET,
        "20m",
    ),
    "an operator that looks": (
        {'webhookcore_operator_last_resync_timestamp_seconds{pod="a"}': "0+60x60"},
        QUIET,
        "40m",
    ),
    "an operator that does not look": (
        {
            'webhookcore_operator_last_resync_timestamp_seconds{pod="a"}': "0x60",
            'webhookcore_operator_last_resync_timestamp_seconds{pod="b"}': "600x60",
        },
        fires("WebhookCoreOperatorStale"),
        "40m",
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_state(state: str, tmp_path: Path) -> None:
    """In each state exactly these alerts fire."""
    series, expected, after = STATES[state]
    firing(written(tmp_path), tmp_path, {**HEALTHY, **series}, expected, after=after)


def test_nothing_is_heard(tmp_path: Path) -> None:
    """Silence is no health."""
    rules = written(tmp_path)
    firing(rules, tmp_path, {}, ABSENT, after="11m")
    firing(rules, tmp_path, {}, QUIET, after="9m")


def test_a_daily_job(tmp_path: Path) -> None:
    """session-cleanup is missed after three nights, and not before."""
    series = {
        f"webhookcore_inbox_depth{{{POD}}}": "0x160",
        f'{LAST}{{{POD},job="dlq-processor"}}': "0+1800x160",
        f'{LAST}{{{POD},job="session-cleanup"}}': "0x160",
    }
    rules = written(tmp_path)
    firing(rules, tmp_path, series, QUIET, after="73h", step="30m")
    expected = fires("WebhookCoreJobFailing", job_name="session-cleanup")
    firing(rules, tmp_path, series, expected, after="74h", step="30m")


def test_a_job_that_never_succeeded(tmp_path: Path) -> None:
    """Without a success there is no metric of it; without any metric it is not the job's to be blamed."""
    series = {f"webhookcore_inbox_depth{{{POD}}}": "0x60", f'{LAST}{{{POD},job="session-cleanup"}}': "0x60"}
    rules = written(tmp_path)
    expected = fires("WebhookCoreJobNeverSucceeded", job_name="dlq-processor")
    firing(rules, tmp_path, series, QUIET, after="19m")
    firing(rules, tmp_path, series, expected, after="21m")


def test_a_renamed_label(tmp_path: Path) -> None:
    """Prometheus calls a metric's own label `exported_job` where it is not told to honour it."""
    renamed = {name.replace("{", "{job='pods',").replace(",job=", ",exported_job="): "0x60" for name in HEALTHY}
    series = {name.replace("'", '"'): values for name, values in renamed.items()}
    expected = fires("WebhookCoreJobFailing", job_name="dlq-processor")
    firing(written(tmp_path), tmp_path, series, expected, after="30m")


LONG: Final = "a" * 33


@pytest.mark.parametrize(
    ("name", "namespace", "pod", "its_own"),
    [
        ("core", "shop", "core-router-5d4f8c7b9-x2x7q", True),
        ("core", "other", "core-router-5d4f8c7b9-x2x7q", False),
        ("core", "shop", "more-core-router-5d4f8c7b9-x2x7q", False),
        ("core", "shop", "core-router-router-5d4f8c7b9-x2x7q", False),
        # A pod's name is cut at 63 characters: the hyphen before the last five is gone.
        (LONGEST, "shop", f"{LONGEST}-router-5d4f8c7b9dx2x7q", True),
        (LONG, "shop", f"{LONG}-router-router-5d4f8c7b9dx2x7q", False),
    ],
)
def test_pods_of_the_resource(name: str, namespace: str, pod: str, its_own: bool, tmp_path: Path) -> None:
    """The rules find the resource's routers, and not those of another one whose name is alike."""
    series = {f'webhookcore_breaker_open{{namespace="{namespace}",pod="{pod}",route="rides"}}': "1x60"}
    expected = fires("WebhookCoreBreakerOpen", route="rides") if its_own else []
    firing(written(tmp_path, name=name), tmp_path, series, [*expected, *ABSENT], after="20m")


def test_descriptions(tmp_path: Path) -> None:
    """They say what is wrong in figures that a person can read."""
    rules = written(tmp_path)
    overdue = next(rule for rule in rules_of(SPEC) if rule["alert"] == "WebhookCoreDeadLetterOverdue")
    text = overdue["annotations"]["description"].replace("{{ $value | humanizeDuration }}", "1h 1m 1s")
    alert = {**overdue, "annotations": {**overdue["annotations"], "description": text}}
    series = {**HEALTHY, f"webhookcore_dead_letter_oldest_due_seconds{{{POD}}}": "3661x60"}
    described(rules, tmp_path, series, alert, after="10m")


def test_every_alert_fires_somewhere() -> None:
    """None is untested."""
    fired = {alert["alertname"] for _, expected, _ in STATES.values() for alert in expected}
    fired |= {"WebhookCoreMetricsAbsent", "WebhookCoreJobNeverSucceeded"}
    assert fired == {rule["alert"] for rule in rules_of(SPEC)}


def test_promtool_accepts_them(tmp_path: Path) -> None:
    """As any Prometheus would."""
    assert "SUCCESS" in promtool("check", "rules", written(tmp_path))


def test_metrics_exist() -> None:
    """Every metric that a rule asks for is one that a router or the operator tells."""
    registries = (RouterMetrics().registry, Metrics().registry)
    told = {
        metric.name + ending
        for registry in registries
        for metric in registry.collect()
        for ending in {"counter": ("_total",), "histogram": ("_count",)}.get(metric.type, ("",))
    }
    asked = {name for rule in rules_of(SPEC) for name in re.findall(r"\b(webhookcore_\w+)", rule["expr"])}
    assert asked - told == set()


@pytest.mark.parametrize(
    ("path", "value", "gone"),
    [
        ("spec.routes[0].paused", True, {"WebhookCoreInboxOld"}),
        ("spec.dlq.suspend", True, set()),
        ("spec.cleanup.suspend", True, set()),
    ],
)
def test_what_is_wanted_is_no_alarm(path: str, value: bool, gone: set[str]) -> None:
    """A paused service's events wait, a suspended job does not run: somebody has said so."""
    before, after = rules_of(SPEC), rules_of(changed(SPEC, path, value))
    assert {rule["alert"] for rule in before} - {rule["alert"] for rule in after} == gone
    job = {"spec.dlq.suspend": "dlq-processor", "spec.cleanup.suspend": "session-cleanup"}.get(path)
    assert not [rule for rule in after if job and rule["labels"].get("job_name") == job]
