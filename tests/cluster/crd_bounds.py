"""Two resources at the bounds of the CustomResourceDefinition: everything as large, and as small, as it may be."""

from typing import Any, Final

from tests.cluster.crd_cases import GOOD
from tests.unit.settings.configs import changed

WIDE: Final = "🚗"
"""A character that takes four bytes: lengths are counted in characters."""
REF: Final = {"name": "n" * 253, "key": "k" * 253}
SHORT_REF: Final = {"name": "n", "key": "k"}


def _wide(start: str, length: int) -> str:
    return start + WIDE * (length - len(start))


def _words(start: str, count: int = 32) -> list[str]:
    """Words that no other list has."""
    return [_wide(f"{start}{number:02}", 32) for number in range(count)]


def _label(start: str) -> str:
    return start.ljust(63, "x")


def _url(length: int) -> str:
    return "http://services.example/".ljust(length, "x")


def _large_route(number: int) -> dict[str, Any]:
    route: dict[str, Any] = {
        "name": _label(f"r{number:02}"),
        "keywords": _words(f"k{number:02}"),
        "statePrefixes": _words(f"p{number:02}"),
        "priority": 1000,
        "secretRef": REF,
        "concurrency": 1024,
        "retry": {"inRequest": 10, "never": list(range(536, 600))},
        "maxAgeMinutes": 10_080,
    }
    if number == 0:
        route["accepts"] = ["audio", "voice"]
        route["service"] = {"name": _label("s"), "namespace": _label("n"), "port": 65_535, "path": "/".ljust(1024, "x")}
    else:
        route["url"] = _url(2048)
    if number < 10:
        route["menu"] = {"key": _wide(f"m{number}", 32), "title": WIDE * 24, "description": WIDE * 72}
    return route


def _qualified(number: int, prefix: int = 253) -> str:
    """A key of labels and annotations, as long as Kubernetes takes it."""
    return f"{number:02}".ljust(prefix, "x") + "/" + "k" * 63


# What is passed through is nearly 16 KiB of JSON, and of the kind that a Deployment takes.
RESOURCES: Final = {"limits": {_qualified(number, 240): "1" for number in range(52)}}
TOLERATIONS: Final = [
    {"key": _qualified(number), "operator": "Equal", "value": "v" * 63, "effect": "NoSchedule"} for number in range(32)
]
SPREAD: Final = [
    {
        "maxSkew": 1,
        "topologyKey": _qualified(number),
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"k": "v" * 63}},
    }
    for number in range(32)
]
PREFERENCE: Final = {
    "matchExpressions": [{"key": "k", "operator": "In", "values": [f"{n}".ljust(63, "v") for n in range(240)]}]
}
AFFINITY: Final = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": PREFERENCE}],
    }
}

LARGEST: Final = changed(
    {
        "metadata.name": "n" * 40,
        "spec.image": {
            "repository": "r" * 255,
            "tag": "t" * 128,
            "pullSecrets": [f"{n}".ljust(253, "p") for n in range(8)],
        },
        "spec.database": {"urlSecretRef": REF, "poolSize": 128},
        "spec.whatsapp": {
            "appSecretRef": REF,
            "previousAppSecretRef": REF,
            "verifyTokenRef": REF,
            "accessTokenRef": REF,
            "graphApiUrl": _url(2048),
        },
        "spec.router": {
            "replicas": 64,
            "autoscaling": {"minReplicas": 64, "maxReplicas": 64, "targetCPUUtilizationPercentage": 1000},
            "path": "/".ljust(128, "x"),
            "timeoutMs": 30_000,
            "slo": {"coldStartMs": 600_000, "p95Ms": 600_000},
            "rateLimit": {"messagesPerMinute": 60_000},
            "resources": RESOURCES,
            "affinity": AFFINITY,
            "tolerations": TOLERATIONS,
            "topologySpreadConstraints": SPREAD,
            "nodeSelector": {_qualified(number): "v" * 63 for number in range(32)},
            "podAnnotations": {_qualified(number): "x" * 4096 for number in range(32)},
        },
        "spec.routes": [_large_route(number) for number in range(16)],
        "spec.home": {"keywords": _words("h"), "text": WIDE * 1024, "button": WIDE * 20, "route": _label("r00")},
        "spec.fallback": _label("r15"),
        "spec.statuses": {"route": _label("r15")},
        "spec.others": {"route": _label("r15")},
        "spec.dlq": {
            "schedule": "0" + " " * 92 + "2 * * *",
            "batchSize": 1000,
            "concurrency": 500,
            "maxRetries": 20,
            "backoffMinutes": [1440] * 20,
            "maxRunSeconds": 3600,
            "alertThreshold": 1_000_000,
            "successfulJobsHistoryLimit": 100,
            "failedJobsHistoryLimit": 100,
        },
        "spec.sessions": {"ttlHours": 8760},
        "spec.cleanup": {
            "schedule": "0" + " " * 92 + "2 * * *",
            "dlqRetentionDays": 3650,
            "abandonedRetentionDays": 3650,
        },
    },
    GOOD,
)

SMALLEST: Final = changed(
    {
        "metadata.name": "n",
        "spec.database": {"urlSecretRef": SHORT_REF, "poolSize": 2},
        "spec.image": {"pullSecrets": ["p"]},
        "spec.whatsapp": {
            "appSecretRef": SHORT_REF,
            "previousAppSecretRef": SHORT_REF,
            "verifyTokenRef": SHORT_REF,
            "accessTokenRef": SHORT_REF,
            "graphApiUrl": "http://a",
        },
        "spec.router": {
            "replicas": 1,
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1, "targetCPUUtilizationPercentage": 1},
            "path": "/x",
            "timeoutMs": 100,
            "slo": {"coldStartMs": 1, "p95Ms": 1},
            "rateLimit": {"messagesPerMinute": 1},
            "nodeSelector": {"k": ""},
            "podAnnotations": {"k": ""},
        },
        "spec.routes": [
            {
                "name": "r",
                "url": "http://a",
                "menu": {"key": "1", "title": "t", "description": ""},
                "keywords": ["k"],
                "statePrefixes": ["p"],
                "priority": -1000,
                "secretRef": SHORT_REF,
                "concurrency": 1,
                "retry": {"inRequest": 0, "never": [300]},
                "maxAgeMinutes": 1,
            },
            {"name": "s", "service": {"name": "s", "port": 1, "path": "/"}},
        ],
        "spec.home": {"keywords": ["h"], "text": "t", "button": "b"},
        "spec.fallback": "r",
        "spec.dlq": {
            "schedule": "* * * * *",
            "batchSize": 1,
            "concurrency": 1,
            "maxRetries": 1,
            "backoffMinutes": [1],
            "maxRunSeconds": 1,
            "alertThreshold": 1,
            "successfulJobsHistoryLimit": 0,
            "failedJobsHistoryLimit": 1,
        },
        "spec.sessions": {"ttlHours": 1},
        "spec.cleanup": {"schedule": "* * * * *", "dlqRetentionDays": 1, "abandonedRetentionDays": 1},
    },
    GOOD,
)
