"""The example of examples/kubernetes in a cluster: applied as it is, with a recorder in the place of its services."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

import httpx
import yaml
from tests.cluster.support import notifications
from tests.cluster.support import operator as operators
from tests.cluster.support.kubectl import Kubectl
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.recorder import Received, Recorder
from tests.cluster.support.tools import ROOT
from tests.support import meta

FOLDER: Final = ROOT / "examples" / "kubernetes"
NAME: Final = "webhook-core"
"""The resource's."""
SERVICES: Final = "example-services"


@dataclass(frozen=True)
class Example:
    """Its Secrets and its resource; the database's Secret is the chart's."""

    kubectl: Kubectl
    recorder: Recorder

    def serves(self) -> None:
        """Signed notifications through the routers' Service reach the service with all that the contract names; one
        that nobody signed, or another, is refused.
        """
        with self.kubectl.port_forward(f"service/{NAME}-router", 80) as url:
            ride = meta.text("a ride to the airport", "491701111111")
            answer = self._post(url, ride)
            assert answer.headers["X-Routed-Service"] == "wa-webhook-mobility"
            (received,) = self.recorder.wait_for(1)
            assert received.text() == "a ride to the airport"
            assert "x-menu-selection" not in received.headers
            assert received.headers["x-correlation-id"] == answer.headers["X-Correlation-ID"]
            _keeps_the_contract(received, "wa-webhook-mobility", ride["id"])

            choice = meta.text("2", "491702222222")
            assert self._post(url, choice).headers["X-Routed-Service"] == "wa-webhook-insurance"
            received = self.recorder.wait_for(2)[1]
            assert received.headers["x-menu-selection"] == "2"
            _keeps_the_contract(received, "wa-webhook-insurance", choice["id"])

            unsigned = notifications.post(url, "not Meta's", secret="another-secret")
            assert (unsigned.status_code, unsigned.json()["error"]) == (401, "invalid_signature")
            assert len(self.recorder.received()) == 2

    def _post(self, url: str, message: dict[str, Any]) -> httpx.Response:
        answer = notifications.post_body(url, meta.body(message), secret=secret("whatsapp", "app-secret"))
        assert answer.status_code == 200, answer.text
        return answer


def example(namespace: Namespace) -> Example:
    """Applied, and Ready within the time that is promised."""
    recorder = namespace.recorder(SERVICES)
    kubectl = namespace.kubectl
    kubectl.apply(FOLDER / "secrets.yaml", FOLDER / "webhookcoreconfig.yaml")
    operators.becomes(kubectl, "Ready", "True", name=NAME, seconds=operators.READY_SECONDS)
    operators.ready(kubectl, NAME)
    return Example(kubectl, recorder)


def secret(name: str, key: str) -> str:
    """What the example's Secrets hold."""
    documents = yaml.safe_load_all((FOLDER / "secrets.yaml").read_text(encoding="utf-8"))
    value: str = next(each["stringData"][key] for each in documents if each["metadata"]["name"] == name)
    return value


def _keeps_the_contract(received: Received, service: str, message_id: str) -> None:
    signature = hmac.new(secret(service, "webhook-secret").encode(), received.body.encode(), hashlib.sha256)
    wanted = {
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": service,
        "idempotency-key": message_id,
        "x-wa-attempt": "1",
        "x-hub-signature-256": f"sha256={signature.hexdigest()}",
    }
    assert wanted.items() <= received.headers.items()
    for name in ("x-request-id", "x-correlation-id", "x-wa-received-at", "traceparent"):
        assert received.headers.get(name), name
    assert received.target == f"/{service}"
