"""Each field of the spec, another value of it, and what has to change with it. Whatever is not named stays as it is."""

from typing import Any, Final

NOTHING: Final[frozenset[str]] = frozenset()
ROUTER: Final = frozenset({"router config", "router pods"})
JOBS: Final = frozenset({"jobs config", "dlq-processor", "session-cleanup"})
PODS: Final = frozenset({"router pods", "dlq-processor", "session-cleanup", "migration"})
DLQ: Final = frozenset({"dlq-processor"})
CLEANUP: Final = frozenset({"session-cleanup"})
RULE: Final = frozenset({"PrometheusRule"})
SCALER: Final = frozenset({"HorizontalPodAutoscaler"})

REACH: Final[dict[str, tuple[Any, frozenset[str]]]] = {
    "spec.suspend": (True, NOTHING),  # the reconciler's
    "spec.image.repository": ("registry.example/other", PODS),
    "spec.image.tag": ("2.0.2", PODS),
    "spec.image.pullPolicy": ("Never", PODS),
    "spec.image.pullSecrets": (["other"], PODS),
    "spec.database.urlSecretRef.name": ("other", ROUTER | JOBS | PODS),
    "spec.database.urlSecretRef.key": ("other", ROUTER | JOBS | PODS),
    "spec.database.poolSize": (12, ROUTER),
    "spec.database.migrations": ("Manual", NOTHING),  # the reconciler's
    "spec.whatsapp.appSecretRef.name": ("other", ROUTER),
    "spec.whatsapp.appSecretRef.key": ("other", ROUTER),
    "spec.whatsapp.previousAppSecretRef.name": ("other", ROUTER),
    "spec.whatsapp.previousAppSecretRef.key": ("other", ROUTER),
    "spec.whatsapp.verifyTokenRef.name": ("other", ROUTER),
    "spec.whatsapp.verifyTokenRef.key": ("other", ROUTER),
    "spec.whatsapp.accessTokenRef.name": ("other", ROUTER),
    "spec.whatsapp.accessTokenRef.key": ("other", ROUTER),
    "spec.whatsapp.graphApiUrl": ("https://graph.example/v25.0", ROUTER),
    "spec.router.replicas": (4, NOTHING),  # the reconciler says how many; they are steps, not a wish
    "spec.router.autoscaling.minReplicas": (3, SCALER),
    "spec.router.autoscaling.maxReplicas": (9, SCALER),
    "spec.router.autoscaling.targetCPUUtilizationPercentage": (50, SCALER),
    "spec.router.path": ("/other", ROUTER),
    "spec.router.timeoutMs": (9000, ROUTER | JOBS),
    "spec.router.slo.coldStartMs": (1, ROUTER),
    "spec.router.slo.p95Ms": (1, ROUTER),
    "spec.router.rateLimit.messagesPerMinute": (1, ROUTER),
    "spec.router.rateLimit.onExceed": ("Drop", ROUTER),
    "spec.router.resources": ({"limits": {"cpu": "1"}}, frozenset({"router pods"})),
    "spec.router.nodeSelector": ({"disk": "fast"}, PODS),
    "spec.router.tolerations": ([{"operator": "Exists"}], PODS),
    "spec.router.affinity": ({"nodeAffinity": {}}, frozenset({"router pods"})),
    "spec.router.topologySpreadConstraints": ([{"maxSkew": 1}], frozenset({"router pods"})),
    "spec.router.podAnnotations": ({"a": "b"}, frozenset({"router pods"})),
    "spec.routes[0].name": ("other", ROUTER),
    "spec.routes[0].url": ("http://other.example", ROUTER),
    "spec.routes[1].service.name": ("other", ROUTER),
    "spec.routes[1].service.namespace": ("other", ROUTER),
    "spec.routes[1].service.port": (81, ROUTER),
    "spec.routes[1].service.path": ("/other", ROUTER),
    "spec.routes[0].menu.key": ("9", ROUTER),
    "spec.routes[0].menu.title": ("Other", ROUTER),
    "spec.routes[0].menu.description": ("Other", ROUTER),
    "spec.routes[0].keywords": (["other"], ROUTER),
    "spec.routes[0].statePrefixes": (["other_"], ROUTER),
    "spec.routes[0].accepts": (["audio"], ROUTER),
    "spec.routes[0].priority": (9, ROUTER),
    "spec.routes[0].secretRef.name": ("other", ROUTER),
    "spec.routes[0].secretRef.key": ("other", ROUTER),
    "spec.routes[0].secretRef.use": ("Signature", ROUTER),
    "spec.routes[0].concurrency": (9, ROUTER),
    "spec.routes[0].retry.inRequest": (0, ROUTER),
    "spec.routes[0].retry.never": ([500], ROUTER),
    "spec.routes[0].maxAgeMinutes": (9, ROUTER),
    "spec.routes[0].paused": (False, ROUTER | RULE),
    "spec.home.keywords": (["other"], ROUTER),
    "spec.home.text": ("Other", ROUTER),
    "spec.home.button": ("Other", ROUTER),
    "spec.home.route": ("jobs", ROUTER),
    "spec.fallback": ("rides", ROUTER),
    "spec.statuses.route": ("jobs", ROUTER),
    "spec.others.route": ("rides", ROUTER),
    "spec.dlq.schedule": ("*/7 * * * *", DLQ | RULE),
    "spec.dlq.timeZone": ("Etc/UTC", DLQ),
    "spec.dlq.suspend": (True, DLQ | RULE),
    "spec.dlq.batchSize": (9, JOBS),
    "spec.dlq.concurrency": (9, JOBS),
    "spec.dlq.maxRetries": (9, JOBS),
    "spec.dlq.backoffMinutes": ([9], ROUTER | JOBS),  # a dead letter's first retry is the router's to schedule
    "spec.dlq.maxRunSeconds": (9, JOBS | RULE),
    "spec.dlq.alertThreshold": (9, RULE),
    "spec.dlq.successfulJobsHistoryLimit": (9, DLQ),
    "spec.dlq.failedJobsHistoryLimit": (9, DLQ),
    "spec.sessions.ttlHours": (9, ROUTER | JOBS),
    "spec.cleanup.schedule": ("0 4 * * *", CLEANUP | RULE),
    "spec.cleanup.timeZone": ("Etc/UTC", CLEANUP),
    "spec.cleanup.suspend": (True, CLEANUP | RULE),
    "spec.cleanup.dlqRetentionDays": (9, JOBS),
    "spec.cleanup.abandonedRetentionDays": (9, JOBS),
    "spec.monitoring.podMonitor": (False, frozenset({"PodMonitor"})),
    "spec.monitoring.prometheusRule": (False, RULE),
    "spec.networkPolicy.enabled": (False, frozenset({"NetworkPolicy"})),
}
