"""The parts in a cluster without an operator: each pod as somebody would write it by hand."""

import json

from tests.cluster.support import manifests, notifications
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import DATABASE, WHATSAPP, Namespace
from tests.cluster.support.recorder import Recorder
from tests.support.config import INTERNAL_SECRET, route

CONFIG = "/etc/webhookcore/config"
SECRETS = "/etc/webhookcore/secrets"


def migrate(namespace: Namespace) -> str:
    """A Job that brings the database up to date; the last line of its pod."""
    spec = manifests.pod_spec(
        manifests.container(
            "migrate",
            namespace.cluster.image,
            ["migrate"],
            env=[manifests.from_secret("DATABASE_URL", DATABASE, "url")],
        )
    )
    namespace.kubectl.apply(manifests.job("migrate", spec))
    return namespace.kubectl.succeeded("migrate").splitlines()[-1]


def router(namespace: Namespace, recorder: Recorder) -> str:
    """A Deployment of two routers; the URL that leads to both."""
    spec = namespace.config(route("wa-webhook-example", recorder.url()), fallback="wa-webhook-example")
    namespace.kubectl.apply(
        manifests.config_map("config", {"webhookcoreconfig.yaml": json.dumps(spec)}),
        manifests.secret("internal", {"secret": INTERNAL_SECRET}),
    )
    container = manifests.container(
        "router",
        namespace.cluster.image,
        ["router"],
        env=[
            {"name": "WEBHOOKCORE_CONFIG", "value": f"{CONFIG}/webhookcoreconfig.yaml"},
            {"name": "WEBHOOKCORE_SECRETS_DIR", "value": SECRETS},
        ],
        volumeMounts=[
            {"name": "config", "mountPath": CONFIG, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
        ],
        readinessProbe={"httpGet": {"path": "/readyz", "port": 9090}, **manifests.PATIENT},
    )
    volumes = [
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "secrets", "projected": {"sources": [mounted(name) for name in (DATABASE, WHATSAPP, "internal")]}},
    ]
    pods = manifests.pod_spec(container, volumes=volumes)
    namespace.kubectl.apply(manifests.deployment("router", pods, replicas=2))
    namespace.kubectl.rolled_out("deployment/router")
    return namespace.expose({"app": "router"}, 8080)


def mounted(name: str) -> manifests.Manifest:
    """A Secret's keys, each a file `NAME/KEY`."""
    keys = {DATABASE: ["url"], WHATSAPP: ["app-secret", "verify-token", "access-token"], "internal": ["secret"]}[name]
    return {"secret": {"name": name, "items": [{"key": key, "path": f"{name}/{key}"} for key in keys]}}


def test_a_notification_goes_through(namespace: Namespace) -> None:
    """Migrated, received, kept and delivered; who does not sign gets nowhere."""
    postgres, recorder = namespace.postgres(), namespace.recorder()
    namespace.secrets(postgres.url)
    assert json.loads(migrate(namespace))["applied"]
    url = router(namespace, recorder)

    answer = notifications.post(url, "hello from a cluster")
    assert answer.status_code == 200, answer.text
    (received,) = recorder.wait_for(1)
    assert received.text() == "hello from a cluster"
    assert received.headers["x-wa-attempt"] == "1"
    assert postgres.value("SELECT count(*) FROM inbox") == 0

    assert notifications.post(url, "not Meta's", secret="another secret").status_code == 401
    assert len(recorder.received()) == 1


def test_what_a_service_does_not_take_is_kept(namespace: Namespace) -> None:
    """One that refuses, and then one whose Service has no pod: both messages are dead letters."""
    postgres, recorder = namespace.postgres(), namespace.recorder()
    namespace.secrets(postgres.url)
    migrate(namespace)
    url = router(namespace, recorder)

    def dead_letters() -> list[str]:
        found = postgres.rows("SELECT from_number FROM wa_dead_letter_queue ORDER BY from_number")
        return [row["from_number"] for row in found]

    recorder.answer(422, "no such customer")
    assert notifications.post(url, "refused", sender="491701111111").status_code == 200
    eventually(lambda: dead_letters() == ["491701111111"], "a dead letter of what was refused")
    recorder.stop()
    assert notifications.post(url, "nobody there", sender="491702222222").status_code == 200
    eventually(lambda: dead_letters() == ["491701111111", "491702222222"], "a dead letter of what met nobody")
    recorder.resume()
    assert recorder.received() == []
