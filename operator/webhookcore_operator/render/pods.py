"""What every pod has: one container of the image, restricted Pod Security, and only the secrets that its part needs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from webhookcore.settings import Need
from webhookcore.settings.secrets import INTERNAL_REF
from webhookcore_operator.render import names
from webhookcore_operator.render.config import FILE
from webhookcore_operator.render.inputs import Inputs
from webhookcore_operator.render.references import NEEDS, references

USER: Final = 10001
COMMAND: Final = "webhookcore"
"""The image's entrypoint, named all the same: what is not named is not repaired."""
CONFIG_DIR: Final = "/etc/webhookcore/config"
SECRETS_DIR: Final = "/etc/webhookcore/secrets"
READABLE: Final = 0o440
"""By the pod's group, which fsGroup makes the files'."""


@dataclass(frozen=True, slots=True)
class Pod:
    """What a part's pods have of their own."""

    part: names.Part
    service_account: str
    grace_seconds: int
    args: tuple[str, ...]
    requests: Mapping[str, str]
    restart: str
    """Always, or Never."""
    config: str | None = None
    """The ConfigMap; a part without one reads no settings and no secrets from files."""
    env: tuple[dict[str, Any], ...] = ()
    container: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the container."""
    pod: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the pod's spec."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def template(inputs: Inputs, pod: Pod) -> dict[str, Any]:
    """The pod template."""
    return {
        "metadata": {
            "labels": names.labels(inputs.name, pod.part),
            **({"annotations": dict(pod.annotations)} if pod.annotations else {}),
        },
        "spec": {
            "serviceAccountName": pod.service_account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": pod.restart,
            "dnsPolicy": "ClusterFirst",
            "hostNetwork": False,
            "hostPID": False,
            "hostIPC": False,
            "terminationGracePeriodSeconds": pod.grace_seconds,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **_pull_secrets(inputs),
            "containers": [_container(inputs, pod)],
            "volumes": _volumes(inputs, pod),
            **placement(inputs),
            **pod.pod,
        },
    }


def placement(inputs: Inputs) -> dict[str, Any]:
    """Which nodes any pod may run on: where all nodes are tainted, jobs have to run too."""
    router = inputs.spec.router
    wishes = {"nodeSelector": dict(router.node_selector), "tolerations": list(router.tolerations)}
    return {name: wish for name, wish in wishes.items() if wish}


def drain_seconds(inputs: Inputs) -> int:
    """How long a pod may take to stop that finishes the deliveries that it has begun."""
    return math.ceil(inputs.spec.router.timeout_ms / 1000) + 20


def _container(inputs: Inputs, pod: Pod) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the pod's own
    env: list[dict[str, Any]] = []
    if pod.config:
        mounts += [
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True},
        ]
        env += [
            {"name": "WEBHOOKCORE_CONFIG", "value": f"{CONFIG_DIR}/{FILE}"},
            {"name": "WEBHOOKCORE_SECRETS_DIR", "value": SECRETS_DIR},
            # A config has what its part reads: another part's command must not take it for its own.
            {"name": "WEBHOOKCORE_PART", "value": pod.part.value},
        ]
    return {
        "name": pod.part.value,
        "image": inputs.effective_image,
        "imagePullPolicy": inputs.spec.image.pull_policy.value,
        "command": [COMMAND],
        "args": list(pod.args),
        "env": [*env, *pod.env],
        "resources": _resources(pod.resources, pod.requests),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"], "add": []},
        },
        # The last lines of a container that failed are in its status: whoever looks at it reads why.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
        **pod.container,
    }


def _resources(given: Mapping[str, Any], requests: Mapping[str, str]) -> dict[str, Any]:
    """What the spec says, with a request for what it says nothing about. A limit alone is a request too."""
    asked, limits = given.get("requests", {}), given.get("limits", {})
    if not isinstance(asked, Mapping) or not isinstance(limits, Mapping):
        return dict(given)  # the API server says what is wrong with it
    missing = {name: amount for name, amount in requests.items() if name not in limits}
    merged = {**missing, **asked}
    return {**given, "requests": merged} if merged else dict(given)


def _pull_secrets(inputs: Inputs) -> dict[str, Any]:
    secrets = inputs.spec.image.pull_secrets
    return {"imagePullSecrets": [{"name": name} for name in secrets]} if secrets else {}


def _volumes(inputs: Inputs, pod: Pod) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    if pod.config:
        volumes += [
            {"name": "config", "configMap": {"name": pod.config, "defaultMode": READABLE}},
            {"name": "secrets", "projected": {"defaultMode": READABLE, "sources": _sources(inputs, pod.part)}},
        ]
    return volumes


def _sources(inputs: Inputs, part: names.Part) -> list[dict[str, Any]]:
    """The Secrets of a part. Each key is at `<Secret's name>/<key>`, where the settings look for it."""
    keys: dict[str, dict[str, None]] = {}
    for reference in references(inputs.spec):
        if part in reference.parts:
            keys.setdefault(reference.name, {})[reference.key] = None
    sources = [_source(name, name, named) for name, named in keys.items()]
    if Need.INTERNAL in NEEDS[part]:
        sources.append(_source(names.internal_secret(inputs.name), INTERNAL_REF.name, [INTERNAL_REF.key]))
    return sources


def _source(secret: str, folder: str, keys: Iterable[str]) -> dict[str, Any]:
    items = [{"key": key, "path": f"{folder}/{key}"} for key in keys]
    return {"secret": {"name": secret, "items": items, "optional": False}}
