"""An API server that is away for a while, and what a cluster needs until it has caught up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import fresh_namespace

_MANIFEST: Final = "/etc/kubernetes/manifests/kube-apiserver.yaml"
_ASIDE: Final = "/etc/kubernetes/kube-apiserver.yaml"
_ASK: Final = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=3).status)"


@contextmanager
def without_api_server(cluster: Cluster) -> Iterator[None]:
    """The API server is stopped, and started again at the end: returns once the whole cluster goes on from there."""
    cluster.on_node("mv", _MANIFEST, _ASIDE)
    try:
        eventually(lambda: cluster.on_node("pgrep", "kube-apiserver", check=False).code, "the API server is gone")
        yield
    finally:
        cluster.on_node("mv", _ASIDE, _MANIFEST)
        eventually(lambda: cluster.kubectl.get_raw("/readyz") == "ok", "it is ready again", seconds=180)
        # Where they elect a leader these two end with their leases. Here (kind.yaml) they would live on, and each of
        # their watches would wait for a minute more before it tries again.
        cluster.on_node("pkill", "-f", "^kube-controller-manager |^kube-scheduler ")
        _wait_until_caught_up(cluster)


def _wait_until_caught_up(cluster: Cluster) -> None:
    """Until what is new gets its pod, and its name leads there.

    That takes a working controller manager, scheduler, kubelet, kube-proxy and CoreDNS. Each watches for itself, and
    one that could not for long tries again less often: other tests would meet a part that does not follow yet.
    """
    with fresh_namespace(cluster, "outage") as namespace:
        recorder = namespace.recorder()
        eventually(
            lambda: namespace.kubectl.exec(f"deployment/{recorder.name}", "python3", "-c", _ASK, recorder.url("/")),
            f"{recorder.url('/')} leads to its pod",
        )
