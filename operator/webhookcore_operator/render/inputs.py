"""What the children are made from, and what every child has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from webhookcore.settings import SecretRef, WebhookCoreSpec
from webhookcore_operator.render import names
from webhookcore_operator.render.image import effective_image

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as plain data: what JSON knows, and nothing else."""

POD_MONITOR: Final = "PodMonitor"
PROMETHEUS_RULE: Final = "PrometheusRule"


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource."""

    name: str
    namespace: str
    uid: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides what the children are. The spec has passed core's rules and names the database's Secret."""

    owner: Owner
    spec: WebhookCoreSpec
    image: str
    """The operator's own, used where the spec leaves parts of its image empty."""
    secrets_hash: str
    """A keyed hash over all Secret values that the router reads; rolls the router."""
    database_hash: str
    """A keyed hash over the database URL's value."""
    replicas: int | None
    """What to write as the Deployment's replicas; None leaves the field to an autoscaler."""
    monitoring: frozenset[str]
    """Of PodMonitor and PrometheusRule those whose CRDs exist."""

    @property
    def name(self) -> str:
        return self.owner.name

    @property
    def effective_image(self) -> str:
        return effective_image(self.spec.image, self.image)

    @property
    def database_ref(self) -> SecretRef:
        """Raises ValueError where the spec names none: in a cluster there is no DATABASE_URL to fall back on."""
        if (ref := self.spec.database.url_secret_ref) is None:
            raise ValueError("spec.database.urlSecretRef names no Secret")
        return ref


def child(inputs: Inputs, kind: str, name: str, component: str, content: Mapping[str, Any]) -> Manifest:
    """A child: its name, labels and owner, then `content`."""
    return {
        "apiVersion": names.API_VERSIONS[kind],
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": inputs.owner.namespace,
            "labels": names.labels(inputs.name, component),
            "ownerReferences": [names.owner_reference(inputs.name, inputs.owner.uid)],
        },
        **content,
    }
