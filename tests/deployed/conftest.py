"""What `make deploy` has deployed: scripts/deploy.sh says where it is."""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.cluster.support.kubectl import Kubectl


@dataclass(frozen=True)
class Deployed:
    """A WebhookCoreConfig and what runs for it, in whatever cluster."""

    kubectl: Kubectl
    name: str

    def resource(self) -> dict[str, Any]:
        return self.kubectl.must_get("webhookcoreconfig", self.name)

    @property
    def path(self) -> str:
        """Of the webhook, on the public listener."""
        path: str = self.resource()["spec"]["router"]["path"]
        return path

    def secret(self, reference: str) -> str:
        """The value that a reference of `spec.whatsapp` names."""
        named = self.resource()["spec"]["whatsapp"][reference]
        value = self.kubectl.must_get("secret", named["name"])["data"][named["key"]]
        return base64.b64decode(value).decode().strip()


@pytest.fixture(scope="session")
def deployed() -> Deployed:
    """As it stands: these tests change nothing about it."""
    environ = dict(os.environ)
    if not environ.get("DEPLOYED_RESOURCE"):
        pytest.fail("nothing says what is to be tested; type: make deploy", pytrace=False)
    kubectl = Kubectl(environ, environ["DEPLOYED_NAMESPACE"], environ["DEPLOYED_CONTEXT"])
    return Deployed(kubectl, environ["DEPLOYED_RESOURCE"])


@pytest.fixture(scope="session")
def public(deployed: Deployed) -> Iterator[httpx.Client]:
    """A client of the public listener, by way of its Service."""
    with (
        deployed.kubectl.port_forward(f"service/{deployed.name}-router", 80) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def examples() -> None:
    """For tests that send messages: only example services get any."""
    if os.environ.get("DEPLOYED_EXAMPLES") != "yes":
        pytest.skip("your services get no message of a test")
