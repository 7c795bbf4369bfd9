"""A child that somebody deletes or changes, and what the operator does about it: by the API server's own clock."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.cluster.support.audit import AuditLog, Request
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.operator import Operator

from webhookcore_operator.kinds import BY_NAME, CHILDREN, SECRET

SECONDS: Final = 10.0
"""From the harm done to the child repaired, at most."""
_ALLOCATED: Final = ("clusterIP", "clusterIPs")
"""Of a Service that is made anew."""
_COUNTED: Final = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Child:
    """One in a namespace; of what has a hash in its name, the start of the name."""

    kind: str
    name: str

    def live(self, kubectl: Kubectl) -> dict[str, Any]:
        """An assertion fails where it is not there."""
        if not self.name.endswith("-"):
            return kubectl.must_get(self.kind, self.name)
        found = [each for each in kubectl.all(self.kind) if each["metadata"]["name"].startswith(self.name)]
        assert len(found) == 1, f"{len(found)} of {self}"
        return found[0]

    @property
    def resource(self) -> str:
        return BY_NAME[self.kind].plural

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}".rstrip("-")


def essence(live: dict[str, Any], *, made_anew: bool = False) -> dict[str, Any]:
    """All of an object that is not its status and not the API server's bookkeeping: labels of others too."""
    found = deepcopy(live)
    found.pop("status", None)
    kept = {"name", "labels", "annotations", "ownerReferences"}
    found["metadata"] = {key: value for key, value in found["metadata"].items() if key in kept}
    found["metadata"].get("annotations", {}).pop(_COUNTED, None)
    if made_anew:
        found["metadata"].pop("annotations", None)
        for field in _ALLOCATED:
            found.get("spec", {}).pop(field, None)
    return found


@dataclass(frozen=True)
class Repairs:
    """What becomes of the children of one namespace's resource."""

    operator: Operator
    kubectl: Kubectl
    leader: str
    """The operator's pod that counts."""

    def after_a_change(self, child: Child, harm: Callable[[str], None]) -> None:
        """`harm(name)` changes it: all of it is as it was before."""
        before = child.live(self.kubectl)
        wanted = essence(before)

        def harm_it() -> None:
            harm(before["metadata"]["name"])

        def whole() -> bool:
            now = child.live(self.kubectl)
            assert essence(now) == wanted, _difference(essence(now), wanted)
            return now["metadata"]["uid"] == before["metadata"]["uid"]

        self._repaired(child, before, harm_it, whole)

    def after_a_deletion(self, child: Child) -> None:
        """Another one stands where it was, with the operator's own labels."""
        before = child.live(self.kubectl)
        wanted = essence(before, made_anew=True)
        ours = {key: value for key, value in wanted["metadata"]["labels"].items() if "kubernetes.io" in key}
        wanted["metadata"]["labels"] = ours

        def harm_it() -> None:
            self.kubectl.delete(child.kind, before["metadata"]["name"], wait=False)

        def whole() -> bool:
            now = child.live(self.kubectl)
            assert essence(now, made_anew=True) == wanted, _difference(essence(now, made_anew=True), wanted)
            return now["metadata"]["uid"] != before["metadata"]["uid"]

        self._repaired(child, before, harm_it, whole)

    def _repaired(
        self, child: Child, before: dict[str, Any], harm: Callable[[], None], whole: Callable[[], bool]
    ) -> None:
        name = before["metadata"]["name"]
        counted, log = self._counted(child.kind), self.operator.release.cluster.audit()
        others = self._others(child.kind, name)
        harm()
        eventually(whole, f"{child} as before")
        eventually(lambda: self._counted(child.kind) == counted + 1, f"one {child.kind} more is counted")
        seconds = eventually(lambda: self._seconds(log, child, name), f"harm and repair of {child} in the audit log")
        assert seconds <= SECONDS, f"{child} was repaired after {seconds:.1f} s"
        assert self._others(child.kind, name) == others, "nothing else is touched"

    def _counted(self, kind: str) -> float:
        numbers = self.operator.metrics(self.leader)
        return numbers.value("webhookcore_operator_drift_corrections_total", kind=kind)

    def _others(self, kind: str, name: str) -> dict[str, Any]:
        """All other objects of the namespace that the operator could have touched; runs of CronJobs come and go."""
        kinds = ",".join(each.plural for each in (*CHILDREN, SECRET))
        return {
            f"{each['kind']} {each['metadata']['name']}": (each["metadata"]["uid"], essence(each))
            for each in self.kubectl.all(kinds)
            if (each["kind"], each["metadata"]["name"]) != (kind, name) and not _is_a_run(each)
        }

    def _seconds(self, log: AuditLog, child: Child, name: str) -> float:
        writes = [each for each in self._writes(log) if (each.resource, each.name) == (child.resource, name)]
        repairs = [at(each) for each in writes if each.account == self.operator.account]
        harms = [at(each) for each in writes if each.account != self.operator.account]
        assert repairs, "no repair yet"
        assert harms, "no harm yet"
        return (max(repairs) - max(harms)).total_seconds()

    def _writes(self, log: AuditLog) -> list[Request]:
        return [each for each in log.requests() if each.is_write and each.namespace == self.kubectl.namespace]


def _is_a_run(live: dict[str, Any]) -> bool:
    return any(owner["kind"] == "CronJob" for owner in live["metadata"].get("ownerReferences", []))


def at(request: Request) -> datetime:
    """When it was received."""
    return datetime.fromisoformat(request.at)


def _difference(now: Any, wanted: Any, path: str = "") -> str:
    """Where they differ first."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        for key in sorted(now.keys() | wanted.keys()):
            if now.get(key) != wanted.get(key):
                return _difference(now.get(key), wanted.get(key), f"{path}.{key}")
    return f"{path}: {now!r} instead of {wanted!r}"
