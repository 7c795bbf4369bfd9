"""Somebody who types `make deploy`."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.explain import explain
from tests.cluster.support.kubectl import Kubectl, Said
from tests.cluster.support.tools import ROOT

# Tests of the chart may have had the CRD in a release of theirs.
ARGUMENTS = "--take-ownership --set operator.replicas=1"


@dataclass(frozen=True)
class Deployer:
    """With one namespace for what is deployed."""

    cluster: Cluster
    namespace: str

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.kubectl.within(self.namespace)

    def deploy(self, *, check: bool = True, **environ: str) -> Said:
        environment = {**self.cluster.environment(), "NAMESPACE": self.namespace, "ARGS": ARGUMENTS, **environ}
        done = subprocess.run(
            ["make", "--no-print-directory", "deploy"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            told = "\n".join(f"{title}\n{text}" for title, text in explain(self.kubectl))
            pytest.fail(f"make deploy: {done.returncode}\n{done.stdout}\n{done.stderr}\n{told}", pytrace=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def routers(self) -> set[str]:
        """UIDs of the pods that are not going."""
        return {pod["metadata"]["uid"] for pod in self.kubectl.staying("pods", "app.kubernetes.io/component=router")}


@contextmanager
def deploying(cluster: Cluster) -> Iterator[Deployer]:
    """With a namespace that is not there yet; what was deployed goes at the end."""
    deployer = Deployer(cluster, f"deploy-{secrets.token_hex(3)}")
    try:
        yield deployer
    finally:
        cluster.helm("uninstall", "webhook-core", "--ignore-not-found", namespace=deployer.namespace)
        cluster.kubectl.delete("namespace", deployer.namespace, wait=False)
