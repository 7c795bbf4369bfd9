"""Manifests of what tests put into a cluster beside the product: all of it fits restricted Pod Security."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

UID: Final = 10001
IMAGE_POLICY: Final = "IfNotPresent"
Manifest = dict[str, Any]

PATIENT: Final = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 30}
"""Of a readiness probe: ready as soon as it answers, and no longer unready only because the machine has much to do."""


def container(name: str, image: str, args: Sequence[str], **more: Any) -> Manifest:
    """`more`: command, env, ports, volumeMounts, readinessProbe, ..."""
    mounts = [*more.pop("volumeMounts", []), {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a pod's own
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": IMAGE_POLICY,
        "args": list(args),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
        **more,
    }


def pod_spec(*containers: Manifest, volumes: Sequence[Manifest] = (), **more: Any) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 5,
        "containers": list(containers),
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
        **more,
    }


def deployment(name: str, spec: Manifest, *, replicas: int = 1) -> Manifest:
    """Pods with the label `app: NAME`; a new one starts when the old one is gone."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def job(name: str, spec: Manifest) -> Manifest:
    """A Job that runs once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", **spec}}},
    }


def service(name: str, port: int, target_port: int, *, selector: Mapping[str, str] | None = None) -> Manifest:
    """A Service for the pods of the deployment of its name, or for those with these labels."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": dict(selector or {"app": name}), "ports": [{"port": port, "targetPort": target_port}]},
    }


def config_map(name: str, data: Mapping[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(data)}


def secret(name: str, data: Mapping[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)}


def from_secret(variable: str, name: str, key: str) -> Manifest:
    """An environment variable of a container."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
