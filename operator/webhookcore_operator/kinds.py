"""The kinds of objects that the operator reads and writes, and their paths at the API server."""

from dataclasses import dataclass
from typing import Final

from webhookcore_operator.render import inputs, names
from webhookcore_operator.render.inputs import Manifest


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind."""

    api_version: str
    name: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Of a collection (of all namespaces where none is named), an object, or its subresource."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        parts = [root, *(("namespaces", namespace) if namespace else ()), self.plural, name, subresource]
        return "/".join(part for part in parts if part)


def _rendered(name: str, plural: str) -> Kind:
    return Kind(names.API_VERSIONS[name], name, plural)


CONFIG: Final = Kind(names.API_VERSION, names.KIND, names.PLURAL)
DEPLOYMENT: Final = _rendered("Deployment", "deployments")
SERVICE: Final = _rendered("Service", "services")
CONFIG_MAP: Final = _rendered("ConfigMap", "configmaps")
SERVICE_ACCOUNT: Final = _rendered("ServiceAccount", "serviceaccounts")
JOB: Final = _rendered("Job", "jobs")
CRON_JOB: Final = _rendered("CronJob", "cronjobs")
DISRUPTION_BUDGET: Final = _rendered("PodDisruptionBudget", "poddisruptionbudgets")
AUTOSCALER: Final = _rendered("HorizontalPodAutoscaler", "horizontalpodautoscalers")
NETWORK_POLICY: Final = _rendered("NetworkPolicy", "networkpolicies")
POD_MONITOR: Final = _rendered(inputs.POD_MONITOR, "podmonitors")
PROMETHEUS_RULE: Final = _rendered(inputs.PROMETHEUS_RULE, "prometheusrules")
SECRET: Final = Kind("v1", "Secret", "secrets")
POD: Final = Kind("v1", "Pod", "pods")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")

CHILDREN: Final = (
    DEPLOYMENT, SERVICE, CONFIG_MAP, SERVICE_ACCOUNT, JOB, CRON_JOB, DISRUPTION_BUDGET, AUTOSCALER, NETWORK_POLICY,
)  # fmt: skip
"""What a resource's children are, in every cluster."""
MONITORING: Final = (POD_MONITOR, PROMETHEUS_RULE)
"""Children where the cluster has the Prometheus operator's kinds."""

BY_NAME: Final = {kind.name: kind for kind in (*CHILDREN, *MONITORING, SECRET)}


def kind_of(manifest: Manifest) -> Kind:
    return BY_NAME[manifest["kind"]]
