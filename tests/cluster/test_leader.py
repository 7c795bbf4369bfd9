"""Two replicas of the operator, of which one leads: what becomes of it when processes and the API server go away."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.cluster.support import live as lives
from tests.cluster.support.audit import Request
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.live import Live
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import NAMESPACE, OPERATOR, Asked, Operator
from tests.cluster.support.outage import without_api_server

from webhookcore_operator.leader import NAME as LEASE

TAKEOVER_SECONDS: Final = 50.0
"""From the moment in which a leader is gone, at most."""
OUTAGE_SECONDS: Final = 60.0
CHILD: Final = "session-cleanup"
"""A CronJob that tests delete, for the operator to make it again."""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def live(operator: Operator, module_namespaces: Callable[[], Namespace]) -> Live:
    """One for all tests here."""
    del operator
    return lives.live(module_namespaces())


def lease(operator: Operator) -> dict[str, Any]:
    found: dict[str, Any] = operator.kubectl.must_get("lease", LEASE)["spec"]
    return found


def taken_over(operator: Operator, former: str) -> datetime:
    """When another replica took the Lease, once one did."""

    def another() -> datetime | None:
        held = lease(operator)
        return datetime.fromisoformat(held["acquireTime"]) if held["holderIdentity"] not in {former, ""} else None

    taken = eventually(another, f"another replica than {former} leads", seconds=3 * TAKEOVER_SECONDS)
    assert taken is not None
    return taken


def repaired(live: Live, *, seconds: float = 60) -> None:
    """A child that is deleted is made again: somebody does the work."""
    before = live.kubectl.must_get("cronjob", CHILD)["metadata"]["uid"]
    live.kubectl.delete("cronjob", CHILD)
    eventually(lambda: live.kubectl.must_get("cronjob", CHILD)["metadata"]["uid"] != before, CHILD, seconds=seconds)


def of_pod(asked: Asked, pod: str) -> list[Request]:
    """What it asked to have written."""
    return [found for found in asked.requests() if found.pod == pod and found.is_write]


def whole(operator: Operator) -> None:
    """Both replicas are there again."""
    operator.kubectl.rolled_out(f"deployment/{OPERATOR}", seconds=120)


def test_a_leader_that_is_killed_with_its_pod(live: Live, operator: Operator) -> None:
    """The other replica takes over within 50 s, though nobody released the Lease, and repairs what was missed."""
    former, cluster = operator.leader(), operator.release.cluster
    process = cluster.process(NAMESPACE, former)
    killed = datetime.now(UTC)
    cluster.on_node("kill", "-STOP", process)  # it must not hear that its pod is to end
    live.kubectl.delete("cronjob", CHILD)
    operator.kubectl("delete", "pod", former, "--force", "--grace-period=0")
    cluster.on_node("kill", "-KILL", process)
    taken = taken_over(operator, former)
    assert (taken - killed).total_seconds() <= TAKEOVER_SECONDS
    eventually(lambda: live.kubectl.get("cronjob", CHILD), "what was deleted meanwhile is there again")
    whole(operator)


def test_a_leader_that_is_killed_and_comes_again(live: Live, operator: Operator) -> None:
    """Its pod starts it again, and the Lease is its own still: nobody waits until it runs out."""
    leader = operator.leader()
    before = operator.kubectl.must_get("pod", leader)["status"]["containerStatuses"][0]["restartCount"]
    operator.release.cluster.signal(NAMESPACE, leader, "KILL")
    repaired(live, seconds=TAKEOVER_SECONDS)
    status = operator.kubectl.must_get("pod", leader)["status"]["containerStatuses"][0]
    assert status["restartCount"] == before + 1
    whole(operator)


def test_a_lease_that_somebody_deletes(live: Live, operator: Operator) -> None:
    """Its holder makes it again and leads on; nobody takes over, no work stops."""
    leader = operator.leader()
    uid = operator.kubectl.must_get("lease", LEASE)["metadata"]["uid"]
    operator.kubectl.delete("lease", LEASE)
    again = eventually(lambda: operator.kubectl.get("lease", LEASE), "the Lease is there again")
    assert again["metadata"]["uid"] != uid
    assert again["spec"]["holderIdentity"] == leader
    repaired(live)
    whole(operator)


def test_a_leader_that_is_stopped_past_its_lease(live: Live, operator: Operator) -> None:
    """When it goes on it writes nothing, although there is something to do: by the audit log. Then it ends."""
    former, cluster, asked = operator.leader(), operator.release.cluster, operator.audit()
    eventually(lambda: of_pod(asked, former), "the leader's renewal in the audit log")  # it can be told by its pod
    cluster.signal(NAMESPACE, former, "STOP")
    live.kubectl.delete("cronjob", CHILD)  # what it would do, could it
    taken = taken_over(operator, former)
    eventually(lambda: live.kubectl.get("cronjob", CHILD), "the other replica makes it again")
    live.kubectl.delete("cronjob", CHILD)
    cluster.signal(NAMESPACE, former, "CONT")

    def ended() -> str:
        states = operator.kubectl.must_get("pod", former)["status"]["containerStatuses"][0]
        message: str = (states["lastState"].get("terminated") or {}).get("finishedAt", "")
        return message if message >= f"{taken:%FT%TZ}" else ""

    eventually(ended, "the former leader ends", seconds=90)
    eventually(lambda: live.kubectl.get("cronjob", CHILD), "the other replica makes it once more")
    late = [found for found in of_pod(asked, former) if datetime.fromisoformat(found.at) > taken]
    assert [found for found in late if found.resource != "leases" or found.code < 400] == []
    assert operator.leader() != former
    whole(operator)


def test_the_api_server_is_away_for_a_minute(live: Live, operator: Operator) -> None:
    """The routers never notice. When it is there again the operator goes on: repairs, and rolls out what is changed."""
    with live.load() as meta:
        with without_api_server(operator.release.cluster):
            began, sent = time.monotonic(), len(meta.sent)
            eventually(lambda: time.monotonic() > began + OUTAGE_SECONDS, "the outage ends", seconds=OUTAGE_SECONDS + 5)
            assert len(meta.sent) > sent + 100
        repaired(live, seconds=180)
        whole(operator)
        live.change(router={"timeoutMs": 4000})
        live.wait_ready(seconds=180)
    live.delivered_once(meta)
    assert live.restarts() == 0
