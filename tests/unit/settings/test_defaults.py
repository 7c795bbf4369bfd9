"""The defaults are the design's."""

import json

import pytest
from tests.unit.settings.configs import spec_of

from webhookcore.settings import WebhookCoreSpec, describe_fields

DESIGN = {
    "spec.suspend": False,
    "spec.image.repository": "",
    "spec.image.tag": "",
    "spec.image.pullPolicy": "IfNotPresent",
    "spec.image.pullSecrets": [],
    "spec.database.urlSecretRef": None,
    "spec.database.poolSize": 8,
    "spec.database.migrations": "Auto",
    "spec.whatsapp.previousAppSecretRef": None,
    "spec.whatsapp.accessTokenRef": None,
    "spec.whatsapp.graphApiUrl": "https://graph.facebook.com/v23.0",
    "spec.router.replicas": 2,
    "spec.router.autoscaling": None,
    "spec.router.path": "/wa-webhook-core",
    "spec.router.timeoutMs": 4000,
    "spec.router.slo.coldStartMs": 1750,
    "spec.router.slo.p95Ms": 1200,
    "spec.router.rateLimit.messagesPerMinute": 30,
    "spec.router.rateLimit.onExceed": "Delay",
    "spec.router.resources": {},
    "spec.router.nodeSelector": {},
    "spec.router.tolerations": [],
    "spec.router.affinity": {},
    "spec.router.topologySpreadConstraints": [],
    "spec.router.podAnnotations": {},
    "spec.routes": [],
    "spec.routes[].priority": 0,
    "spec.routes[].concurrency": 64,
    "spec.routes[].retry.inRequest": 2,
    "spec.routes[].retry.never": [400, 413, 422],
    "spec.routes[].maxAgeMinutes": 60,
    "spec.routes[].paused": False,
    "spec.home.keywords": ["hi", "hello", "hey", "hola", "bonjour", "menu", "home", "exit", "start", "help", "?"],
    "spec.home.route": "",
    "spec.fallback": "home",
    "spec.statuses.route": "",
    "spec.others.route": "",
    "spec.dlq.schedule": "*/5 * * * *",
    "spec.dlq.timeZone": "Etc/UTC",
    "spec.dlq.suspend": False,
    "spec.dlq.batchSize": 50,
    "spec.dlq.concurrency": 50,
    "spec.dlq.maxRetries": 3,
    "spec.dlq.backoffMinutes": [2, 4, 8],
    "spec.dlq.maxRunSeconds": 240,
    "spec.dlq.alertThreshold": 100,
    "spec.dlq.successfulJobsHistoryLimit": 3,
    "spec.dlq.failedJobsHistoryLimit": 3,
    "spec.sessions.ttlHours": 24,
    "spec.cleanup.schedule": "0 2 * * *",
    "spec.cleanup.timeZone": "Etc/UTC",
    "spec.cleanup.suspend": False,
    "spec.cleanup.dlqRetentionDays": 7,
    "spec.cleanup.abandonedRetentionDays": 30,
    "spec.monitoring.podMonitor": False,
    "spec.monitoring.prometheusRule": False,
    "spec.networkPolicy.enabled": False,
}


@pytest.mark.parametrize(("path", "default"), DESIGN.items())
def test_default_is_the_designs(path: str, default: object) -> None:
    """Each default is documented as the design has it; what may be absent is `none`."""
    documented = {field.path: field.default for field in describe_fields()}
    assert documented[path] == ("none" if default is None else json.dumps(default, ensure_ascii=False))


def test_required_fields_are_few() -> None:
    """Two secrets of WhatsApp's are all that the spec insists on; other required fields are inside optional ones."""
    required = {field.path for field in describe_fields() if field.default == "required"}
    inside = ("spec.routes[].", "spec.router.autoscaling.", "spec.database.urlSecretRef.", "spec.whatsapp.")
    assert {path for path in required if not path.startswith(inside)} == {
        "apiVersion",
        "kind",
        "metadata",
        "metadata.name",
        "spec",
        "spec.whatsapp",
    }
    assert {"spec.whatsapp.appSecretRef", "spec.whatsapp.verifyTokenRef"} <= required


def test_attributes_are_python_names() -> None:
    """Code reads snake_case attributes; a spec cannot be changed once it is read."""
    spec = spec_of({"spec.router.slo.p95Ms": 7, "spec.router.autoscaling": {"maxReplicas": 4}})
    assert (spec.router.slo.p95_ms, spec.router.timeout_ms, spec.dlq.backoff_minutes) == (7, 4000, (2, 4, 8))
    assert spec.router.autoscaling is not None
    assert spec.router.autoscaling.target_cpu_utilization_percentage == 70
    with pytest.raises(ValueError, match="frozen"):
        spec.fallback = "x"  # type: ignore[misc]


def test_target_url() -> None:
    """A Service becomes its address in the cluster; without a namespace, the short one of the same namespace."""
    routes = spec_of({}).routes
    assert [route.target_url for route in routes] == [
        "http://rides.example.svc/webhook",
        "http://jobs.work.svc:8080/webhook",
    ]
    (near,) = spec_of({"spec.routes": [{"name": "near", "service": {"name": "near"}}]}).routes
    assert near.target_url == "http://near:80/"


def test_model_alone_takes_python_names() -> None:
    """Code and tests may build a spec by attribute names."""
    assert WebhookCoreSpec.model_validate(spec_of({}).model_dump()) == spec_of({})
