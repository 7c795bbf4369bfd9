"""A deployed system from the outside: what Meta, the services, and the person on call can count on.

`make deploy` runs this against what it has deployed. With a WebhookCoreConfig of your own nothing is sent to a service.
"""

import json
import secrets

import httpx
import pytest
from tests.cluster.support import notifications
from tests.cluster.support.kubectl import eventually
from tests.deployed.conftest import Deployed
from tests.support import meta


def test_it_is_ready(deployed: Deployed) -> None:
    """Every condition is as it should be, and all routers are ready."""
    status = deployed.resource()["status"]
    conditions = {each["type"]: each for each in status["conditions"]}
    for type_ in ("Ready", "SpecApplied", "RouterAvailable", "DependenciesResolved"):
        assert conditions[type_]["status"] == "True", conditions[type_]
    assert (conditions["DatabaseMigrated"]["status"], conditions["DatabaseMigrated"]["reason"]) in {
        ("True", "Migrated"),
        ("Unknown", "Manual"),
    }
    assert status["readyReplicas"] == status["replicas"] > 0


def test_health(public: httpx.Client) -> None:
    """The router says that it is well, and its database too."""
    answer = public.get("/health")
    assert answer.status_code == 200, answer.text
    assert answer.json()["service"] == "wa-webhook-core"
    assert answer.json()["checks"]["database"], answer.text


def test_metas_handshake(deployed: Deployed, public: httpx.Client) -> None:
    """Who knows the verify token gets the challenge back, who does not is refused."""
    asked = {
        "hub.mode": "subscribe",
        "hub.challenge": "1158201444",
        "hub.verify_token": deployed.secret("verifyTokenRef"),
    }
    answer = public.get(deployed.path, params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert public.get(deployed.path, params={**asked, "hub.verify_token": "another"}).status_code == 403


def test_who_does_not_sign_is_refused(deployed: Deployed, public: httpx.Client) -> None:
    """Without a signature, and with one that another secret made."""
    body = meta.body(meta.text("nobody's"))
    assert public.post(deployed.path, content=body).status_code == 401
    answer = notifications.post_body(str(public.base_url), body, secret="another-secret", path=deployed.path)
    assert answer.status_code == 401


def test_internal_paths_are_not_public(public: httpx.Client) -> None:
    """Redelivery and metrics are another listener's."""
    assert public.post("/internal/deliver", content=b"{}").status_code == 404
    assert public.get("/metrics").status_code == 404


@pytest.mark.usefixtures("examples")
def test_a_message_reaches_its_service(deployed: Deployed, public: httpx.Client) -> None:
    """A signed notification is kept, routed by its keyword, and delivered once."""
    text = f"ride {secrets.token_hex(6)}"
    sender = f"4917{secrets.randbelow(10**8):08d}"
    body = meta.body(meta.text(text, sender))
    answer = notifications.post_body(
        str(public.base_url), body, secret=deployed.secret("appSecretRef"), path=deployed.path
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Routed-Service"] == "wa-webhook-mobility"

    def arrived() -> list[str]:
        log = deployed.kubectl.logs("deployment/example-services", "--since=5m")
        return [line for line in log.splitlines() if text in line]

    (line,) = eventually(arrived, "the message in the log of the example services")
    assert "wa-webhook-mobility" in line


@pytest.mark.parametrize("task", ["dlq-processor", "session-cleanup"])
def test_a_run_by_hand(deployed: Deployed, task: str) -> None:
    """As the person on call starts it; the pod's last line is the result as JSON. The Job is gone afterwards."""
    name = f"deployed-{secrets.token_hex(3)}"
    deployed.kubectl("create", "job", f"--from=cronjob/{task}", name)
    try:
        result = json.loads(deployed.kubectl.succeeded(name, seconds=120).splitlines()[-1])
    finally:
        deployed.kubectl.delete("job", name, wait=False)
    assert result["success"] is True
