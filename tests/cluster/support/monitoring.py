"""The Prometheus operator's kinds in a cluster, as far as the API server is concerned: any PodMonitor is accepted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.cluster.support.clusters import Cluster

from webhookcore_operator.kinds import MONITORING, Kind


def definition(kind: Kind) -> dict[str, Any]:
    """Its CustomResourceDefinition, without a schema."""
    group, _, version = kind.api_version.partition("/")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind.name, "plural": kind.plural, "singular": kind.name.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


DEFINITIONS: Final = [definition(kind) for kind in MONITORING]


@contextmanager
def monitoring_kinds(cluster: Cluster) -> Iterator[None]:
    """Served while the context lasts."""
    cluster.kubectl.apply(*DEFINITIONS, server_side=True)
    for each in DEFINITIONS:
        cluster.kubectl.wait(f"crd/{each['metadata']['name']}", "condition=Established")
    try:
        yield
    finally:
        cluster.kubectl.delete("crd", *(each["metadata"]["name"] for each in DEFINITIONS))
