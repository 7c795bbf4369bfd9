"""A trial as NOTES.txt tells it: the chart with its Postgres, examples/kubernetes, and a message that arrives."""

import re
from typing import Final

import httpx
import pytest
from tests.cluster.support.chart import released
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.tools import ROOT
from tests.support import meta

pytestmark = pytest.mark.usefixtures("own_operator")

EXAMPLES: Final = ROOT / "examples" / "kubernetes"
APP_SECRET: Final = "for-trials-only-app-secret"
READY_SECONDS: Final = 120.0


def typed_next(notes: str) -> list[list[str]]:
    """The commands of the notes that begin with kubectl, without the word itself."""
    lines = re.findall(r"^  kubectl (.*)$", notes, re.MULTILINE)
    return [line.replace("examples/kubernetes/", str(EXAMPLES)).split() for line in lines]


def post(url: str, body: bytes) -> int:
    """As Meta; the answer's status."""
    return httpx.post(f"{url}/wa-webhook-core", content=body, headers=meta.signed(body, APP_SECRET)).status_code


def test_a_trial(cluster: Cluster, namespace: Namespace) -> None:
    """Ready within two minutes; a ride's message reaches its example service, a greeting brings the home menu."""
    kubectl = namespace.kubectl
    with released(cluster, namespace, embeddedPostgres={"enabled": True}) as release:
        notes = release.install().out
        (apply,) = [command for command in typed_next(notes) if str(EXAMPLES) in command]
        kubectl(*apply)
        # The example names the public image; here is this checkout's.
        kubectl("set", "image", "deployment/example-services", f"example-services={cluster.image}")
        kubectl.wait("wcc/webhook-core", "condition=Ready", seconds=READY_SECONDS)
        kubectl.rolled_out("deployment/example-services")

        with kubectl.port_forward("service/webhook-core-router", 80) as url:
            assert httpx.post(f"{url}/wa-webhook-core", content=meta.body(meta.text("ride"))).status_code == 401
            assert post(url, meta.body(meta.text("ride"))) == 200
            assert post(url, meta.body(meta.text("hello"))) == 200

        def received() -> list[str]:
            lines = kubectl.logs("deployment/example-services").splitlines()
            return [line for line in lines if " ← " in line or " → " in line]

        lines = eventually(lambda: len(received()) >= 2 and received(), "both arrive")
        assert any('wa-webhook-mobility  ← "ride"' in line for line in lines), lines
        assert any("[Choose a service: Rides | Insurance | Jobs]" in line for line in lines), lines
