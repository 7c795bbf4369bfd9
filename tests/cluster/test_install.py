"""A first install by Helm: the example works as it is, and a database may come later."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.cluster.support import operator as operators
from tests.cluster.support.chart import Release, released
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.example import example
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.postgres import Postgres
from tests.support.config import route

MIGRATION = "app.kubernetes.io/component=migrate"


@pytest.fixture(scope="module")
def release(cluster: Cluster, own_operator: None, module_namespaces: Callable[[], Namespace]) -> Iterator[Release]:
    """The chart with its own values, and a Postgres for trials."""
    del own_operator
    with released(cluster, module_namespaces(), embeddedPostgres={"enabled": True}) as release:
        release.install("--wait")
        yield release


def test_by_helm(release: Release) -> None:
    """`helm install`, `kubectl apply` of the example: Ready within 120 s, and messages go through as promised."""
    example(release.namespace).serves()


@pytest.mark.usefixtures("release")
def test_a_database_that_comes_up_a_minute_later(namespace: Namespace) -> None:
    """The first install waits for it, says so, and needs nobody once it is there."""
    postgres, kubectl = Postgres(namespace.kubectl, "postgres"), namespace.kubectl
    namespace.secrets(postgres.url)
    rides = route("rides", "http://rides.example/webhook")
    kubectl.apply(namespace.config(rides, fallback="rides", router={"replicas": 1}))
    operators.becomes(kubectl, "DatabaseMigrated", "False", "Migrating")

    def running_for_a_minute() -> str:
        pods = kubectl.all("pods", MIGRATION)
        assert len(pods) == 1
        states = [container["state"] for container in pods[0]["status"].get("containerStatuses", [])]
        since = [state["running"]["startedAt"] for state in states if "running" in state]
        assert since, states
        assert datetime.now(UTC) - datetime.fromisoformat(since[0]) >= timedelta(minutes=1)
        name: str = pods[0]["metadata"]["name"]
        return name

    waited = eventually(running_for_a_minute, "a migration that waits", seconds=120, every=1)
    assert operators.condition(kubectl, "Ready")["status"] == "False"
    assert kubectl.names("deployments") == set(), "nothing runs before the first migration"
    assert kubectl.names("cronjobs") == set()

    postgres.start(namespace.cluster.image)
    operators.ready(kubectl)
    assert kubectl.names("pods", MIGRATION) <= {waited}, "one try was enough"
    assert "failures" not in kubectl.must_get("wcc", "test")["status"]["migration"]
