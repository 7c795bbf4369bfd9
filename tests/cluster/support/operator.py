"""The operator under test: a release of the chart, what it says of itself, and what it asks of the API server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.cluster.support.audit import AuditLog, Request
from tests.cluster.support.chart import Release, Values
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import Kubectl, eventually, run
from tests.cluster.support.namespace import Namespace, namespace_manifest
from tests.cluster.support.tools import ROOT

from webhookcore_operator.leader import NAME as LEASE
from webhookcore_operator.render.names import METRIC_LAST_RESYNC

NAMESPACE: Final = "webhookcore-system"
_DEPLOY: Final = ROOT / "scripts" / "deploy.sh"
RELEASE: Final = "suite"
"""Not the name that tests of the chart give theirs: what is the cluster's is named after the release."""
OPERATOR: Final = f"{RELEASE}-webhook-core-operator"
"""Of the Deployment and the service account."""
PODS: Final = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
RESYNC_SECONDS: Final = 20
VALUES: Final[Values] = {"operator": {"replicas": 2, "resyncSeconds": RESYNC_SECONDS}}
READY_SECONDS: Final = 120.0
"""From the resource applied to Ready, at most."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What /metrics of one replica said."""

    samples: tuple[Sample, ...]

    def value(self, name: str, **labels: str) -> float:
        """The sum of those with these labels, 0 where there are none: `value("webhookcore_operator_leader")`."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asks of the API server from a moment on."""

    log: AuditLog
    account: str

    def requests(self) -> list[Request]:
        """The server writes its log within a moment, not at once."""
        return self.log.requests(account=self.account)

    def writes(self) -> list[Request]:
        """All but the Lease's renewals."""
        return [found for found in self.requests() if found.is_write and found.resource != "leases"]


@dataclass(frozen=True)
class Operator:
    """Two replicas that watch all namespaces, with a short resync; one for the whole run."""

    release: Release

    @property
    def kubectl(self) -> Kubectl:
        """In the operator's namespace."""
        return self.release.kubectl

    @property
    def account(self) -> str:
        """As the audit log has it."""
        return f"{NAMESPACE}/{OPERATOR}"

    def install(self) -> None:
        """Also after `uninstall`; returns once one replica leads."""
        self.upgrade()

    def upgrade(self, *more: str, **values: Any) -> None:
        """To these values over those of the suite; without any: back to those. Returns once one replica leads."""
        self.release.upgrade("--install", *more, **values)
        self.kubectl.rolled_out(f"deployment/{OPERATOR}", seconds=READY_SECONDS)
        self.leader()

    def restart(self) -> None:
        """Other pods, which find out anew what the cluster has. Returns once one of them leads."""
        self.kubectl("rollout", "restart", f"deployment/{OPERATOR}")
        self.kubectl.rolled_out(f"deployment/{OPERATOR}", seconds=READY_SECONDS)
        self.leader()

    def uninstall(self) -> None:
        """Returns once no pod of it is left."""
        self.release.uninstall()
        self._gone()

    @contextmanager
    def away(self) -> Iterator[None]:
        """For tests that bring an operator of their own: two that watch the same would repair each other's work."""
        self.kubectl("scale", f"deployment/{OPERATOR}", "--replicas=0")
        self._gone()
        try:
            yield
        finally:
            self.upgrade()

    def pods(self) -> list[str]:
        """Names of those that are not going."""
        return [pod["metadata"]["name"] for pod in self.kubectl.staying("pods", PODS)]

    def leader(self, *, seconds: float = 60) -> str:
        """The pod that leads, once one that is there does."""

        def holder() -> str:
            held: str = self.kubectl.must_get("lease", LEASE)["spec"].get("holderIdentity") or ""
            return held if held in self.pods() else ""

        return eventually(holder, "a replica of the operator leads", seconds=seconds)

    def metrics(self, pod: str = "") -> Numbers:
        """Of the leader, or of this pod."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod or self.leader()}:8080/proxy/metrics"
        families = text_string_to_metric_families(self.kubectl.get_raw(path))
        return Numbers(tuple(sample for family in families for sample in family.samples))

    def drift(self, kind: str) -> float:
        """How many children of a kind it has brought back."""
        return self.metrics().value("webhookcore_operator_drift_corrections_total", kind=kind)

    def logs(self, pod: str = "") -> str:
        """Of all replicas, or of this pod."""
        if pod:
            return self.kubectl.logs(f"pod/{pod}")
        return self.kubectl("logs", "-l", PODS, "--tail=-1", "--prefix").out

    def audit(self, *, from_start: bool = False) -> Asked:
        """What it asks from now on, or ever: `asked = operator.audit(); ...; asked.writes()`."""
        return Asked(self.release.cluster.audit(from_start=from_start), self.account)

    def resynced(self, times: int = 1) -> None:
        """Returns once it has looked at everything so many times anew, whoever leads."""
        for _ in range(times):
            before = self._looked_at()
            eventually(partial(self._is_later, before), "a resync", seconds=RESYNC_SECONDS * 4, every=1)

    def _looked_at(self) -> float:
        return self.metrics().value(METRIC_LAST_RESYNC)

    def _is_later(self, before: float) -> bool:
        return self._looked_at() > before

    def _gone(self) -> None:
        eventually(lambda: not self.kubectl.all("pods", PODS), "no pod of the operator is left", seconds=READY_SECONDS)


@contextmanager
def away(cluster: Cluster) -> Iterator[None]:
    """As `Operator.away`, where there is one."""
    operator = _of(cluster)
    if operator.kubectl.get("deployment", OPERATOR) is None:
        yield
    else:
        with operator.away():
            yield


def installed(cluster: Cluster) -> Operator:
    """As `make deploy` installs it, in a namespace under restricted Pod Security. On a kept cluster it may be there."""
    cluster.kubectl.apply(namespace_manifest(NAMESPACE))
    operator = _of(cluster)
    where = {"NAMESPACE": NAMESPACE, "RELEASE": RELEASE, "IMAGE": cluster.image, "CONFIG": "none"}
    run(str(_DEPLOY), *operator.release.arguments(), environment={**cluster.environment(), **where}, seconds=600)
    operator.leader()
    return operator


def _of(cluster: Cluster) -> Operator:
    return Operator(Release(cluster, Namespace(cluster, NAMESPACE), VALUES, RELEASE))


def condition(kubectl: Kubectl, type_: str, name: str = "test") -> dict[str, Any]:
    """Of a WebhookCoreConfig; an assertion fails where the operator has not looked at its present spec yet."""
    found = kubectl.must_get("wcc", name)
    generation = found["metadata"]["generation"]
    status = found.get("status") or {}
    assert status.get("observedGeneration") == generation, f"generation {generation} is not looked at yet"
    return next(each for each in status["conditions"] if each["type"] == type_)


def becomes(
    kubectl: Kubectl, type_: str, status: str, reason: str = "", *, name: str = "test", seconds: float = READY_SECONDS
) -> dict[str, Any]:
    """The condition, once it is so: `becomes(kubectl, "SpecApplied", "False", "NameConflict")`."""

    def so() -> dict[str, Any]:
        found = condition(kubectl, type_, name)
        assert (found["status"], found["reason"]) == (status, reason or found["reason"]), found
        return found

    return eventually(so, f"{type_} of {name} is {status} {reason}", seconds=seconds)


def ready(kubectl: Kubectl, name: str = "test", *, seconds: float = READY_SECONDS) -> None:
    """Returns once the resource as it stands now is Ready and all its routers are."""
    becomes(kubectl, "SpecApplied", "True", "Applied", name=name, seconds=seconds)
    becomes(kubectl, "Ready", "True", name=name, seconds=seconds)
