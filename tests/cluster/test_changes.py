"""What is changed under load: no request fails, no message is lost or doubled."""

from collections.abc import Callable
from typing import Final

import pytest
import yaml
from tests.cluster.support import live as lives
from tests.cluster.support import manifests, notifications
from tests.cluster.support.chart import CHART
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.live import ROUTER, SELECTOR, Live
from tests.cluster.support.namespace import WHATSAPP, Namespace
from tests.cluster.support.operator import READY_SECONDS, RESYNC_SECONDS, Operator
from tests.support.config import ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN
from tests.support.ledger import Meta

NEW_SECRET: Final = "another-app-secret-9876543210"
SEEN_SECONDS: Final = 150.0
"""A changed Secret is seen within this time: nobody watches Secrets, everything is looked at anew now and then."""
REPLICAS: Final = 2
BOTH: Final = {"previousAppSecretRef": {"name": WHATSAPP, "key": "app-secret-before"}}


@pytest.fixture(scope="module")
def live(operator: Operator, module_namespaces: Callable[[], Namespace]) -> Live:
    """Routers for all tests here."""
    del operator
    return lives.live(module_namespaces(), replicas=REPLICAS)


def more_sent(meta: Meta, count: int = 20) -> None:
    """So many more messages are begun."""
    before = len(meta.sent)
    eventually(lambda: len(meta.sent) >= before + count, f"{count} more messages are sent")


def rolled(live: Live, before: int, *, seconds: float = 60) -> None:
    """The routers are other ones than those of the revision `before`, all of them; the others have drained."""
    eventually(lambda: live.revision() > before, "the routers roll", seconds=seconds)
    live.kubectl.rolled_out(f"deployment/{ROUTER}", seconds=READY_SECONDS)
    live.wait_ready()
    eventually(lambda: len(live.kubectl.names("pods", SELECTOR)) == REPLICAS, "those of before are gone")


def test_settings(live: Live) -> None:
    """Routers with other settings take over one by one; they roll once."""
    before, routers = live.revision(), live.routers()
    with live.load() as meta:
        live.change(router={"timeoutMs": 4000}, sessions={"ttlHours": 5})
        rolled(live, before)
        more_sent(meta)
    live.delivered_once(meta)
    assert live.revision() == before + 1
    assert not live.routers() & routers


def test_the_app_secret_is_rotated(live: Live) -> None:
    """Both are accepted, Meta signs with the new one, the old one opens nothing more. A Secret's change is seen."""
    before = {"app-secret": APP_SECRET, "verify-token": VERIFY_TOKEN, "access-token": ACCESS_TOKEN}
    old = {**before, "app-secret-before": APP_SECRET}
    with live.load() as meta:
        live.kubectl.apply(manifests.secret(WHATSAPP, old))
        revision = live.revision()
        live.change(whatsapp=BOTH)
        rolled(live, revision)

        revision = live.revision()
        live.kubectl.apply(manifests.secret(WHATSAPP, {**old, "app-secret": NEW_SECRET}))
        rolled(live, revision, seconds=1.2 * RESYNC_SECONDS + 30)
        more_sent(meta)
        meta.secret = NEW_SECRET
        more_sent(meta)

        revision = live.revision()
        live.change(whatsapp={"previousAppSecretRef": None})
        rolled(live, revision)
        more_sent(meta)
    live.delivered_once(meta)
    assert notifications.post(live.url, "not Meta's any more", secret=APP_SECRET).status_code == 401


def test_a_secret_is_seen_in_time_by_the_charts_operator() -> None:
    """The one of these tests looks more often: the chart's own values, and how far a resync may be late."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert 1.2 * values["operator"]["resyncSeconds"] < SEEN_SECONDS


def test_a_change_that_is_for_nobody(live: Live, operator: Operator) -> None:
    """What routers do not read rolls none of them."""
    before, routers = live.revision(), live.routers()
    live.change(dlq={"batchSize": 7, "schedule": "*/7 * * * *"}, cleanup={"dlqRetentionDays": 3})
    eventually(
        lambda: live.kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] == "*/7 * * * *",
        "the CronJob follows",
    )
    operator.resynced()
    live.wait_ready()
    assert (live.revision(), live.routers()) == (before, routers)
