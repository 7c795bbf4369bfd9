"""A namespace of a test's own, under restricted Pod Security, and what tests usually put into one."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from tests.cluster.support import manifests
from tests.cluster.support.clusters import NODE_PORTS, Cluster
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.postgres import Postgres
from tests.cluster.support.recorder import Recorder
from tests.support.config import ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN, config

DATABASE: Final = "database"
WHATSAPP: Final = "whatsapp"
_RESTRICTED: Final = {
    f"pod-security.kubernetes.io/{what}": level
    for mode in ("enforce", "audit", "warn")
    for what, level in ((mode, "restricted"), (f"{mode}-version", "latest"))
}


def namespace_manifest(name: str) -> dict[str, Any]:
    """Pods that are not restricted are refused in it."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": _RESTRICTED}}


@dataclass(frozen=True)
class Namespace:
    """Everything here is gone with the test."""

    cluster: Cluster
    name: str

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.kubectl.within(self.name)

    def postgres(self, name: str = "postgres") -> Postgres:
        """A running one."""
        postgres = Postgres(self.kubectl, name)
        postgres.start(self.cluster.image)
        return postgres

    def recorder(self, name: str = "service") -> Recorder:
        """A running service that records what it gets."""
        recorder = Recorder(self.kubectl, name)
        recorder.start(self.cluster.image)
        return recorder

    def secrets(self, database_url: str) -> None:
        """Those that `config` names: `database` and `whatsapp`."""
        whatsapp = {"app-secret": APP_SECRET, "verify-token": VERIFY_TOKEN, "access-token": ACCESS_TOKEN}
        self.kubectl.apply(
            manifests.secret(DATABASE, {"url": database_url}),
            manifests.secret(WHATSAPP, whatsapp),
        )

    def config(self, *routes: Mapping[str, Any], name: str = "test", **spec: Any) -> dict[str, Any]:
        """A WebhookCoreConfig of these routes on the Secrets of `secrets`; `spec` as of `tests.support.config`."""
        database = {"urlSecretRef": {"name": DATABASE, "key": "url"}}
        made = config(*routes, **{"database": database, **spec})
        return {**made, "metadata": {"name": name}}

    def expose(self, selector: Mapping[str, str], target_port: int | str, *, name: str = "exposed") -> str:
        """`http://127.0.0.1:PORT` that leads to all Ready pods with these labels, as a Service does: for load.

        Returns once somebody answers there, so the pods have to be there.
        """
        taken = {
            port.get("nodePort")
            for item in json.loads(self.cluster.kubectl.get_raw("/api/v1/services"))["items"]
            for port in item["spec"]["ports"]
        }
        free = next((port for port in NODE_PORTS if port not in taken), None)
        assert free is not None, "every node port that leads out of the cluster is taken"
        spec = {
            "type": "NodePort",
            "selector": dict(selector),
            "ports": [{"port": 80, "targetPort": target_port, "nodePort": free}],
        }
        self.kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
        url = f"http://127.0.0.1:{self.cluster.node_ports[free]}"
        eventually(lambda: answers(url), f"an answer from the pods with {selector} at {url}")
        return url


def answers(url: str) -> bool:
    """Whether any HTTP answer comes from there."""
    try:
        httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def fresh_namespace(cluster: Cluster, prefix: str) -> Iterator[Namespace]:
    """Deleted at the end, without waiting for it: namespaces have names that no other gets."""
    name = f"{prefix[:50]}-{secrets.token_hex(3)}"
    cluster.kubectl.apply(namespace_manifest(name))
    namespace = Namespace(cluster, name)
    try:
        # A pod is refused before its namespace has one.
        eventually(lambda: namespace.kubectl.get("serviceaccount", "default"), "the default service account")
        yield namespace
    finally:
        namespace.kubectl.delete("service", *namespace.kubectl.names("services"))  # node ports are few
        cluster.kubectl.delete("namespace", name, wait=False)
