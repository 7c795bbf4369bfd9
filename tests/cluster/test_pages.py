"""docs/kubernetes.md and what docs/operations.md shows of a cluster: the commands, in their order, on a trial."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.cluster.support import operator as operators
from tests.cluster.support.chart import image_values
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.example import FOLDER, NAME, SERVICES
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import READY_SECONDS
from tests.support.pages import ON_A_CLUSTER, ROOT, STEP, elsewhere, parts, walk
from tests.support.shell import Shell

KUBERNETES, OPERATIONS = ROOT / "docs/kubernetes.md", ROOT / "docs/operations.md"
ROUTER: Final = f"deployment/{NAME}-router"


class Trial:
    """Somebody who reads docs/kubernetes.md and types what it says, in a checkout and a namespace of the test's own."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self.kubectl = namespace.kubectl
        cluster = namespace.cluster
        kubeconfig = folder / "kubeconfig"  # the page chooses a namespace in it
        shutil.copy(cluster.kubeconfig, kubeconfig)
        (folder / "charts").symlink_to(ROOT / "charts")
        shutil.copytree(FOLDER, folder / "examples" / "kubernetes")
        services = folder / "examples" / "kubernetes" / f"{SERVICES}.yaml"
        services.write_text(re.sub(r"image: webhook-core:\S+", f"image: {cluster.image}", services.read_text()))
        values = image_values(cluster.image)["image"]
        image = " ".join(f"--set-string image.{name}={value}" for name, value in values.items())
        self._shell = Shell(
            {**cluster.environment(), "KUBECONFIG": str(kubeconfig)},
            folder,
            typed={
                "--namespace webhook-core": f"--namespace {namespace.name}",
                # The CRD has been another release's.
                "helm install": f"helm install --take-ownership --force-conflicts {image}",
            },
            shown={
                namespace.name: "webhook-core",
                cluster.image: "webhook-core:0.1.0",
                cluster.kubectl("config", "current-context").out.strip(): "your-cluster",
            },
            seconds=2 * READY_SECONDS,
        )
        self.steps = {
            "both routers and the example services are ready": self.all_ready,
            "the message has arrived": self.has_arrived,
            "the jobs, as operations.md shows them": self.jobs,
        }

    async def walk(self) -> None:
        await walk(KUBERNETES, show={"console": self._shell.show, "yaml": self._taken}, steps=self.steps)

    async def _taken(self, text: str) -> str:
        """By the API server, which makes nothing of it."""
        self.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
        return text

    async def all_ready(self) -> None:
        operators.ready(self.kubectl, NAME)
        self.kubectl.rolled_out(ROUTER, seconds=READY_SECONDS)
        self.kubectl.rolled_out(f"deployment/{SERVICES}", seconds=READY_SECONDS)

    async def has_arrived(self) -> None:
        eventually(lambda: " ← " in self.kubectl.logs(f"deployment/{SERVICES}"), "the message arrives")

    async def jobs(self) -> None:
        """The blocks of the other page that are for a cluster, and the steps between them."""
        steps = {part.text: _nothing for part in parts(OPERATIONS) if part.kind == STEP}
        steps["the example services were away for a moment"] = self.services_were_away
        await walk(OPERATIONS, show={"console": elsewhere, ON_A_CLUSTER: self._shell.show}, steps=steps)

    async def services_were_away(self) -> None:
        """Long enough that a message became a dead letter. No run by schedule comes meanwhile."""
        eventually(lambda: self.kubectl.must_get("cronjob", "dlq-processor")["spec"]["suspend"], "no run by schedule")
        self.kubectl("scale", f"deployment/{SERVICES}", "--replicas=0")
        pods = f"app.kubernetes.io/name={SERVICES}"
        eventually(lambda: not self.kubectl.all("pods", pods), "nobody is there")
        url = f"http://{NAME}-router/wa-webhook-core"
        self.kubectl.exec(ROUTER, "webhookcore", "send", "kazi", "--from", "491701234568", "--url", url)
        eventually(
            lambda: "wa-webhook-jobs" in self.kubectl.exec(ROUTER, "webhookcore", "dlq", "list"), "a dead letter"
        )
        self.kubectl("scale", f"deployment/{SERVICES}", "--replicas=1")
        self.kubectl.rolled_out(f"deployment/{SERVICES}", seconds=READY_SECONDS)


async def _nothing() -> None:
    """A step that is for the other test of the page."""


@pytest.fixture
def trial(cluster: Cluster, own_operator: None, namespace: Namespace, tmp_path: Path) -> Iterator[Trial]:
    """The run's operator is away: the page installs one."""
    del own_operator
    yield Trial(namespace, tmp_path)
    cluster.helm("uninstall", "webhook-core", "--ignore-not-found", namespace=namespace.name)


async def test_pages(trial: Trial) -> None:
    """Whoever types what the pages say sees what they show: from the trial to the last command of the uninstall."""
    await trial.walk()
    kinds = "deployments,statefulsets,cronjobs,jobs,persistentvolumeclaims,leases"
    eventually(lambda: not trial.kubectl.names(kinds), "nothing that runs is left")
