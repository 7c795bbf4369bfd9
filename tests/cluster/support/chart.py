"""The chart on a cluster: rendered, and as a release that is installed, upgraded, rolled back, uninstalled."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import Kubectl, Said, eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.tools import ROOT

CHART: Final = ROOT / "charts" / "webhook-core"
NAME: Final = "webhook-core"
CRD: Final = "webhookcoreconfigs.webhookcore.io"
Values = Mapping[str, Any]


def image_values(image: str) -> Values:
    """Of an image that the cluster has."""
    repository, _, tag = image.rpartition(":")
    return {"image": {"repository": repository, "tag": tag}}


def render(
    cluster: Cluster,
    values: Values,
    *,
    name: str = NAME,
    namespace: str = "somewhere",
    chart: Path = CHART,
    program: str = "helm",
) -> list[dict[str, Any]]:
    """All that an install would make, hooks too."""
    said = cluster.helm(*("template", name, str(chart)), *_values(values), namespace=namespace, program=program)
    return [found for found in yaml.safe_load_all(said.out) if found]


def notes(cluster: Cluster, values: Values) -> str:
    """What an install would end with; nothing is asked of the cluster."""
    said = cluster.helm("install", NAME, str(CHART), "--dry-run=client", *_values(values), namespace="somewhere")
    return said.out.partition("\nNOTES:\n")[2]


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in documents if each["kind"] == kind]


@dataclass
class Release:
    """One in a namespace. The CRD is the cluster's: whoever installs takes it over, and it stays."""

    cluster: Cluster
    namespace: Namespace
    values: Values = field(default_factory=dict)
    """What every install and upgrade says; those of one are merged over them."""
    name: str = NAME
    chart: Path = CHART
    program: str = "helm"
    installed_by: str = ""
    """The program that did, where it is another one: Helm 4 goes on with a release as Helm 3 began it."""

    @property
    def kubectl(self) -> Kubectl:
        return self.namespace.kubectl

    def install(self, *more: str, **values: Any) -> Said:
        return self._helm("install", *more, values=values)

    def upgrade(self, *more: str, **values: Any) -> Said:
        """To these values, and those of the release; what an earlier install said besides is gone."""
        return self._helm("upgrade", *more, values=values)

    def rollback(self, revision: int) -> Said:
        return self._run("rollback", self.name, str(revision))

    @property
    def operator(self) -> str:
        """Of the Deployment and the service account."""
        return f"{self.name if NAME in self.name else f'{self.name}-{NAME}'}-operator"

    def uninstall(self) -> Said:
        """The operator goes first: Helm takes its rights away while it still runs, and what it asks then is refused."""
        if self.kubectl.get("deployment", self.operator) is not None:
            self.kubectl("scale", f"deployment/{self.operator}", "--replicas=0")
            pods = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=operator"
            eventually(lambda: not self.kubectl.all("pods", pods), "no pod of the operator is left")
        return self._run("uninstall", self.name, "--ignore-not-found")

    def test(self, *, logs: bool = True) -> Said:
        return self._run("test", self.name, *(["--logs"] if logs else []))

    def arguments(self) -> list[str]:
        """Of an install, an upgrade: the release's values, and that it takes over the CRD."""
        # Whoever had it before: another release, or kubectl, whose fields Helm 4 would not touch.
        forced = ["--force-conflicts"] if self._applies_at_the_server() else []
        return ["--take-ownership", *forced, *_values(self.values)]

    def _helm(self, action: str, *more: str, values: Values) -> Said:
        return self._run(
            *(action, self.name, str(self.chart), "--timeout", "120s"),
            *_values(image_values(self.cluster.image)),
            *self.arguments(),
            *_values(values),
            *more,
        )

    def _applies_at_the_server(self) -> bool:
        said = self.cluster.helm("version", "--template", "{{.Version}}", program=self.installed_by or self.program)
        return not said.out.startswith("v3")

    def _run(self, *arguments: str) -> Said:
        return self.cluster.helm(*arguments, namespace=self.namespace.name, program=self.program)


@contextmanager
def released(cluster: Cluster, namespace: Namespace, **values: Any) -> Iterator[Release]:
    """A release that is uninstalled at the end: its ClusterRoles are no namespace's."""
    release = Release(cluster, namespace, values)
    try:
        yield release
    finally:
        release.uninstall()


def _values(values: Values) -> list[str]:
    """Each as JSON, which keeps every type."""
    return [part for name, value in values.items() for part in ("--set-json", f"{name}={json.dumps(value)}")]
