"""The operator's own listener, and when a process is worth keeping."""

import socket

import httpx
import pytest
from tests.support.ports import free_port

from webhookcore_operator.leader import Leadership
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.serve import Health, PortTakenError, serving


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leadership(clock: Clock) -> Leadership:
    return Leadership(identity="a", namespace="system", clock=clock)


@pytest.fixture
def health(clock: Clock, leadership: Leadership) -> Health:
    return Health(leadership, stale_seconds=360.0, clock=clock)


def test_who_waits_for_the_lease_is_well(clock: Clock, health: Health) -> None:
    """For as long as it takes."""
    assert not health.problem()
    clock.now += 1e6
    assert not health.problem()


def test_who_leads_looks_at_everything_now_and_then(clock: Clock, health: Health, leadership: Leadership) -> None:
    """One that does not any more hangs."""
    leadership._until = 1e9
    health.resynced()
    clock.now += 360
    assert not health.problem()
    clock.now += 1
    assert health.problem() == "no resync for 361 s"
    health.resynced()
    assert not health.problem()


def test_who_has_lost_the_lease_is_of_no_use(clock: Clock, health: Health, leadership: Leadership) -> None:
    """It starts anew, and waits."""
    leadership._until = clock.now + 20
    health.resynced()
    assert not health.problem()
    clock.now += 20
    assert health.problem() == "the leader's lease is lost"


async def test_the_listener(clock: Clock, health: Health, leadership: Leadership) -> None:
    """Health with its reason, readiness, and metrics in Prometheus' own words."""
    metrics, port = Metrics(), free_port()
    metrics.reconciles.labels("ok").inc()
    async with serving(port, health, metrics), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok")
        leadership._until = clock.now
        health.resynced()
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.text) == (503, "the leader's lease is lost")
        assert (await client.get("/readyz")).status_code == 200
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'webhookcore_operator_reconcile_total{result="ok"} 1.0' in answer.text
        assert (await client.get("/")).status_code == 404
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient().get(f"http://127.0.0.1:{port}/healthz")


async def test_a_port_that_is_taken(health: Health) -> None:
    """Which one."""
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the operator does
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"the port {port} cannot be listened on"):
            async with serving(port, health, Metrics()):
                pass


def test_the_names_of_the_metrics() -> None:
    """What dashboards and alerts ask for."""
    names = {family.name for family in Metrics().registry.collect()}
    assert names == {
        "webhookcore_operator_reconcile",
        "webhookcore_operator_reconcile_duration_seconds",
        "webhookcore_operator_workqueue_depth",
        "webhookcore_operator_drift_corrections",
        "webhookcore_operator_leader",
        "webhookcore_operator_last_resync_timestamp_seconds",
        "webhookcore_operator_resource_condition",
    }
