"""Volumes for claims: where kind brings no provisioner of its own, a few folders of the node."""

from typing import Any, Final

from tests.cluster.support.clusters import Cluster

COUNT: Final = 32
CLASS: Final = "standard"
"""As kind's own."""
FOLDER: Final = "/var/local/volumes"
FALLBACK: Final = "kubernetes.io/host-path"
"""What kind names where its node image has no provisioner: its volumes are root's alone."""


def provide(cluster: Cluster) -> None:
    """Claims that name no class get a volume that pods may write to, each volume once."""
    classes = {found["metadata"]["name"]: found["provisioner"] for found in cluster.kubectl.all("storageclasses")}
    if classes not in ({}, {CLASS: FALLBACK}):
        return
    cluster.kubectl.delete("storageclass", *classes)
    folders = [f"{FOLDER}/{number}" for number in range(COUNT)]
    cluster.on_node("mkdir", "--parents", "--mode=0777", *folders)
    cluster.kubectl.apply(_CLASS, *(_volume(number, path, cluster.node) for number, path in enumerate(folders)))


_CLASS: Final[dict[str, Any]] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def _volume(number: int, path: str, node: str) -> dict[str, Any]:
    on_this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume-{number}"},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_this_node]}]}},
        },
    }
