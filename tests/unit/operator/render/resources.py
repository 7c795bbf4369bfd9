"""Resources for the tests of render, and what is made of them."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from webhookcore.settings import WebhookCoreSpec
from webhookcore_operator.render import (
    Inputs,
    Manifest,
    Owner,
    job_children,
    migration_job,
    router_children,
    service_accounts,
)

MINIMAL: Final[Mapping[str, Any]] = {
    "database": {"urlSecretRef": {"name": "database", "key": "url"}},
    "whatsapp": {
        "appSecretRef": {"name": "whatsapp", "key": "app-secret"},
        "verifyTokenRef": {"name": "whatsapp", "key": "verify-token"},
        "accessTokenRef": {"name": "whatsapp", "key": "access-token"},
    },
    "routes": [{"name": "rides", "url": "http://rides.example.svc/webhook", "keywords": ["ride"]}],
}

EVERYTHING: Final[Mapping[str, Any]] = {
    "suspend": False,
    "image": {
        "repository": "registry.example:5000/mirror/webhook-core",
        "tag": "2.0.1",
        "pullPolicy": "Always",
        "pullSecrets": ["registry", "mirror.example"],
    },
    "database": {"urlSecretRef": {"name": "database", "key": "url"}, "poolSize": 16, "migrations": "Auto"},
    "whatsapp": {
        "appSecretRef": {"name": "whatsapp", "key": "app-secret"},
        "previousAppSecretRef": {"name": "whatsapp-before", "key": "app-secret"},
        "verifyTokenRef": {"name": "whatsapp", "key": "verify-token"},
        "accessTokenRef": {"name": "whatsapp", "key": "access-token"},
        "graphApiUrl": "https://graph.example/v24.0",
    },
    "router": {
        "replicas": 3,
        "path": "/hooks/whatsapp",
        "timeoutMs": 2500,
        "slo": {"coldStartMs": 900, "p95Ms": 300},
        "rateLimit": {"messagesPerMinute": 60, "onExceed": "Reject"},
        "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "podAnnotations": {"example.com/team": "messaging"},
    },
    "routes": [
        {
            "name": "rides",
            "url": "http://rides.example.svc:8080/webhook",
            "menu": {"key": "1", "title": "Rides", "description": "Book a ride"},
            "keywords": ["ride", "taxi", "تاكسي"],
            "statePrefixes": ["trip_"],
            "accepts": ["audio", "voice"],
            "priority": 5,
            "secretRef": {"name": "rides", "key": "webhook-secret", "use": "Bearer"},
            "concurrency": 32,
            "retry": {"inRequest": 1, "never": [400, 404]},
            "maxAgeMinutes": 90,
            "paused": True,
        },
        {
            "name": "jobs",
            "service": {"name": "jobs", "namespace": "work", "port": 8080, "path": "/webhook"},
            "menu": {"key": "2", "title": "Jobs"},
            "keywords": ["work"],
            "secretRef": {"name": "whatsapp", "key": "jobs"},
        },
    ],
    "home": {"keywords": ["menu", "home"], "text": "Welcome: what do you need?", "button": "Choose", "route": ""},
    "fallback": "jobs",
    "statuses": {"route": "rides"},
    "others": {"route": "jobs"},
    "dlq": {
        "schedule": "*/10 * * * *",
        "timeZone": "Europe/Paris",
        "suspend": False,
        "batchSize": 20,
        "concurrency": 10,
        "maxRetries": 5,
        "backoffMinutes": [1, 5, 30],
        "maxRunSeconds": 500,
        "alertThreshold": 40,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 10,
    },
    "sessions": {"ttlHours": 48},
    "cleanup": {
        "schedule": "30 3 * * 1-5",
        "timeZone": "Africa/Kigali",
        "suspend": False,
        "dlqRetentionDays": 14,
        "abandonedRetentionDays": 60,
    },
    "monitoring": {"podMonitor": True, "prometheusRule": True},
    "networkPolicy": {"enabled": True},
}

AUTOSCALED: Final[Mapping[str, Any]] = {
    **MINIMAL,
    "router": {"autoscaling": {"minReplicas": 2, "maxReplicas": 12, "targetCPUUtilizationPercentage": 60}},
}

PLACED: Final[Mapping[str, Any]] = {
    **MINIMAL,
    "router": {
        "replicas": 1,
        "resources": {"limits": {"cpu": "2", "example.com/fpga": "1"}},
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "messaging", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "router"}},
                        },
                    }
                ]
            }
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "router"}},
            }
        ],
        "podAnnotations": {"webhookcore.io/secrets": "the operator's, whatever stands here", "example.com/a": "b"},
    },
}

OWN_IMAGE: Final = "registry.example/webhook-core:1.2.3"
LONGEST: Final = "a" + "b" * 39
"""The longest name that a resource may have."""


def inputs(
    spec: Mapping[str, Any],
    *,
    name: str = "core",
    image: str = OWN_IMAGE,
    secrets_hash: str = "hash-of-secrets",
    database_hash: str = "hash-of-database",
    replicas: int | None = 2,
    monitoring: tuple[str, ...] = ("PodMonitor", "PrometheusRule"),
) -> Inputs:
    """What the reconciler would ask for."""
    return Inputs(
        owner=Owner(name, "shop", "0b8f8c4e-0000-4000-8000-000000000001"),
        spec=WebhookCoreSpec.model_validate(spec, by_alias=True, by_name=False),
        image=image,
        secrets_hash=secrets_hash,
        database_hash=database_hash,
        replicas=replicas,
        monitoring=frozenset(monitoring),
    )


def children(wanted: Inputs) -> list[Manifest]:
    """All of them, in the order in which they are applied."""
    return [*service_accounts(wanted), migration_job(wanted), *router_children(wanted), *job_children(wanted)]


def changed(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The spec with one place set anew: `spec.routes[0].name`."""
    result: dict[str, Any] = copy.deepcopy(dict(spec))
    _, *around, last = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", path)]
    place: Any = result
    for part in around:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    place[last] = value
    return result


def pods(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    """The pod templates, by the component's name."""
    found = {}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template")
        if template:
            found[manifest["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def text(manifest: Any) -> str:
    """As JSON: fails on what Kubernetes could not be told."""
    return json.dumps(manifest, allow_nan=False)
