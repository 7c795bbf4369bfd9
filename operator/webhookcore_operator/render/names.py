"""Every name that the operator gives: the resource's kind, the children, their labels, and who writes which field."""

import hashlib
from enum import StrEnum
from typing import Any, Final

GROUP: Final = "webhookcore.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "WebhookCoreConfig"
PLURAL: Final = "webhookcoreconfigs"
SHORT_NAME: Final = "wcc"
CATEGORY: Final = "webhookcore"

API_VERSIONS: Final = {
    "ConfigMap": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "CronJob": "batch/v1",
    "Job": "batch/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
}
"""Every kind of child that is rendered."""

FIELD_MANAGER: Final = "webhookcore-operator"
STATUS_MANAGER: Final = "webhookcore-operator-status"
SCALE_MANAGER: Final = "webhookcore-operator-scale"
"""Takes `replicas` over for a moment while it is handed to an autoscaler."""

APP: Final = "webhook-core"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
START_ANNOTATION: Final = f"{GROUP}/start"
"""Of a migration Job: a hash of how its image is pulled and where it may run, which is no part of its name."""
SECRETS_ANNOTATION: Final = f"{GROUP}/secrets"
"""On the router's pods: changes with the secrets that they read, and so rolls them."""

HTTP_PORT: Final = 8080
INTERNAL_PORT: Final = 9090
SERVICE_PORT: Final = 80

METRIC_CONDITION: Final = "webhookcore_operator_resource_condition"
"""The operator's gauge of each condition, 1 while it is true. Its labels are resource_namespace, resource_name and
condition: `namespace` is the operator's own.
"""
METRIC_LAST_RESYNC: Final = "webhookcore_operator_last_resync_timestamp_seconds"


class Part(StrEnum):
    """What runs in pods. The value is the component's label, the container's name and the image's command alike."""

    ROUTER = "router"
    DLQ_PROCESSOR = "dlq-processor"
    SESSION_CLEANUP = "session-cleanup"
    MIGRATE = "migrate"


JOBS: Final = "jobs"
"""The component of what both CronJobs and the migration share."""


def router(name: str) -> str:
    """The Deployment, the public Service, and all else that has one of a kind beside the Deployment."""
    return f"{name}-router"


def internal(name: str) -> str:
    """The internal Service."""
    return f"{name}-router-internal"


def jobs(name: str) -> str:
    """The jobs' ServiceAccount."""
    return f"{name}-jobs"


def internal_secret(name: str) -> str:
    """The Secret that routers and dlq-processor share; its key is `secret`."""
    return f"{name}-internal"


def config(name: str, component: str, text: str) -> str:
    """A ConfigMap: what says something else is another one."""
    return f"{name}-{component}-config-{short_hash(text)}"


def migration(name: str, of: str) -> str:
    """The migration Job of a hash."""
    return f"{name}-migrate-{of}"


def short_hash(text: str) -> str:
    """Ten hexadecimal digits: enough to tell the few that one resource ever has apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of a child."""
    return {**selector(name, component), LABEL_MANAGED_BY: FIELD_MANAGER}


def selector(name: str, component: str) -> dict[str, str]:
    """What finds the pods of a component. A Deployment's can never be changed."""
    return {LABEL_NAME: APP, LABEL_INSTANCE: name, LABEL_COMPONENT: str(component)}


def owner_reference(name: str, uid: str) -> dict[str, Any]:
    """What makes a child the resource's own. It blocks nothing: whoever deletes the resource need not wait."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
