"""Releases of the chart on a cluster: a trial's Postgres, the resource from values, the CRD, rights."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from tests.cluster.support import live as lives
from tests.cluster.support import manifests
from tests.cluster.support.chart import CRD, Release, released
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import CommandError, Kubectl, eventually
from tests.cluster.support.namespace import DATABASE, Namespace
from tests.cluster.support.tools import ROOT
from tests.support.config import config, route

from webhookcore_operator.render.names import METRIC_LAST_RESYNC

pytestmark = pytest.mark.usefixtures("own_operator")

NO_OPERATOR: Final = {"operator": {"replicas": 0}}
"""For what the chart does by itself."""
ALONE: Final = {"replicas": 1, "resyncSeconds": 5}
"""An operator that looks often."""
GONE_SECONDS: Final = 120.0
RIDES: Final = route("rides", "http://rides/webhook")
POSTGRES: Final = "statefulset/webhook-core-postgres"
SQL: Final = """
import json, os, sys
import psycopg
url = f"postgresql://webhookcore:{os.environ['POSTGRES_PASSWORD']}@127.0.0.1/webhookcore"
with psycopg.connect(url, autocommit=True) as conn:
    done = conn.execute(sys.stdin.read())
    print(json.dumps(done.fetchall() if done.description else []))
"""


def spec(**more: Any) -> dict[str, Any]:
    """A resource's, without a database."""
    made: dict[str, Any] = config(RIDES, **more)["spec"]
    made.pop("database", None)
    return made


def of_values(**more: Any) -> dict[str, Any]:
    """Values that make a resource named `shop`."""
    database = {"urlSecretRef": {"name": DATABASE, "key": "url"}}
    return {"create": True, "name": "shop", "spec": {"database": database, **spec(**more)}}


def shop(release: Release) -> dict[str, Any]:
    return release.kubectl.must_get("wcc", "shop")


@pytest.fixture
def crd_stays(cluster: Cluster) -> Iterator[None]:
    """For tests that take it away: others find it again."""
    yield
    # As Helm, which must not find fields of another manager's in it.
    how = ("--server-side", "--force-conflicts", "--field-manager=helm")
    cluster.kubectl("apply", *how, "-f", str(ROOT / "crds/webhookcoreconfigs.yaml"))


def test_the_embedded_postgres_keeps_its_password_and_its_data(cluster: Cluster, namespace: Namespace) -> None:
    """Over an upgrade (which restarts nothing), a deleted pod, and a release that is gone and comes again."""
    with released(cluster, namespace, embeddedPostgres={"enabled": True}, **NO_OPERATOR) as release:
        kubectl = release.kubectl

        def sql(statement: str) -> Any:
            return json.loads(kubectl.exec(POSTGRES, "python3", "-c", SQL, stdin=statement))

        def database() -> dict[str, str]:
            found: dict[str, str] = kubectl.must_get("secret", "webhook-core-database")["data"]
            return found

        assert "for trials" in release.install().out
        kubectl.rolled_out(POSTGRES)
        sql("CREATE TABLE kept AS SELECT 42 AS answer")
        url = manifests.from_secret("DATABASE_URL", "webhook-core-database", "url")
        migrate = manifests.container("migrate", cluster.image, ["migrate"], env=[url])
        kubectl.apply(manifests.job("migrate", manifests.pod_spec(migrate)))
        kubectl.wait("job/migrate", "condition=Complete")

        made, pod = database(), kubectl.must_get("pod", "webhook-core-postgres-0")["metadata"]["uid"]
        release.upgrade()
        assert database() == made
        kubectl.rolled_out(POSTGRES)
        assert kubectl.must_get("pod", "webhook-core-postgres-0")["metadata"]["uid"] == pod

        kubectl.delete("pod", "webhook-core-postgres-0")
        kubectl.rolled_out(POSTGRES)
        assert sql("SELECT answer FROM kept") == [[42]]

        release.uninstall()
        release.install()
        assert database() != made
        kubectl.rolled_out(POSTGRES)
        assert sql("SELECT answer FROM kept") == [[42]]


def test_a_secret_of_somebody_elses_is_not_taken(cluster: Cluster, namespace: Namespace) -> None:
    """One with a database's URL may be all that leads to a company's data."""
    namespace.kubectl.apply(manifests.secret("webhook-core-database", {"url": "postgresql://theirs"}))
    with released(cluster, namespace, embeddedPostgres={"enabled": True}, **NO_OPERATOR) as release:
        with pytest.raises(CommandError, match=r"exists and is not this chart's.*embeddedPostgres\.secretName"):
            release.install()
        assert set(namespace.kubectl.must_get("secret", "webhook-core-database")["data"]) == {"url"}


def test_the_resource_from_the_values(cluster: Cluster, namespace: Namespace, crd_stays: None) -> None:
    """Made beside its own CRD by a first install; follows upgrades and rollbacks; goes with the release."""
    del crd_stays
    cluster.kubectl.delete("crd", CRD)
    with released(cluster, namespace, **NO_OPERATOR) as release:
        kubectl = release.kubectl
        release.install(config=of_values(dlq={"batchSize": 7, "maxRetries": 5}))
        assert shop(release)["spec"]["dlq"]["batchSize"] == 7
        assert kubectl.names("jobs") == set(), "the hook's Job leaves with its success"

        kubectl.patch("wcc", "shop", {"spec": {"sessions": {"ttlHours": 5}}})
        release.upgrade(config=of_values(dlq={"batchSize": 8}))
        changed = shop(release)
        assert changed["spec"]["dlq"]["batchSize"] == 8
        assert changed["spec"]["dlq"]["maxRetries"] == 3, "what the values no longer say is the default again"
        assert changed["spec"]["sessions"]["ttlHours"] == 5, "what they never said is its author's"

        release.rollback(1)
        assert shop(release)["spec"]["dlq"]["batchSize"] == 7
        assert shop(release)["metadata"]["uid"] == changed["metadata"]["uid"]

        release.upgrade()
        eventually(lambda: kubectl.get("wcc", "shop") is None, "a resource that is in no value goes")
        release.rollback(1)
        assert shop(release)["spec"]["dlq"]["batchSize"] == 7
        release.uninstall()
        eventually(lambda: kubectl.get("wcc", "shop") is None, "the resource goes with the release")
        assert kubectl.names("configmaps") == {"kube-root-ca.crt"}


def test_the_resource_gets_another_name(cluster: Cluster, namespace: Namespace) -> None:
    """The one before goes: of two in a namespace the older would be the one that counts."""
    with released(cluster, namespace, **NO_OPERATOR) as release:
        release.install(config=of_values())
        release.upgrade(config={**of_values(), "name": "market"})
        assert release.kubectl.must_get("wcc", "market")["spec"]["database"]["urlSecretRef"] == {
            "name": DATABASE,
            "key": "url",
        }
        eventually(lambda: release.kubectl.get("wcc", "shop") is None, "the resource of before is gone")


def test_the_resource_that_is_to_stay(cluster: Cluster, namespace: Namespace) -> None:
    """It is nobody's once the values say so."""
    with released(cluster, namespace, **NO_OPERATOR) as release:
        release.install(config=of_values())
        assert len(shop(release)["metadata"]["ownerReferences"]) == 1
        release.upgrade(config={**of_values(), "keep": True})
        assert "ownerReferences" not in shop(release)["metadata"]
        release.uninstall()
        eventually(
            lambda: release.kubectl.get("configmap", "webhook-core-config-shop") is None, "the ConfigMap is gone"
        )
        assert "deletionTimestamp" not in shop(release)["metadata"]


def test_a_resource_that_is_refused(cluster: Cluster, namespace: Namespace) -> None:
    """Helm fails, the Job's log says which field and why, at once; the next upgrade mends it."""
    with released(cluster, namespace, **NO_OPERATOR) as release:
        with pytest.raises(CommandError, match="failed"):
            release.install(config=of_values(fallback="nowhere"))
        assert "spec.fallback" in release.kubectl.logs("job/webhook-core-config")
        assert len(release.kubectl.all("pods")) == 1, "trying again changes nothing"
        release.upgrade(config=of_values())
        assert shop(release)["spec"]["fallback"] == "home"


def test_the_crd_stays_or_goes_as_the_values_say(cluster: Cluster, namespace: Namespace, crd_stays: None) -> None:
    """With it every resource would go."""
    del crd_stays
    with released(cluster, namespace, **NO_OPERATOR) as release:
        release.install()
        namespace.kubectl.apply(namespace.config(RIDES))
        release.uninstall()
        assert namespace.kubectl.get("wcc", "test") is not None
        release.install(crds={"keep": False})
        release.uninstall()
        eventually(lambda: cluster.kubectl.get("crd", CRD) is None, "the CRD is gone")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("view", ["get", "list", "watch"], ["create", "patch", "delete"]),
        ("edit", ["get", "list", "create", "patch", "update", "delete", "deletecollection"], []),
        ("admin", ["get", "list", "create", "patch", "update", "delete", "deletecollection"], []),
    ],
)
def test_who_may_view_or_edit_a_namespace_may_do_so_with_its_resources(
    cluster: Cluster, namespace: Namespace, role: str, may: list[str], may_not: list[str]
) -> None:
    """By Kubernetes' own roles; the status is nobody's but the operator's."""
    with released(cluster, namespace, **NO_OPERATOR) as release:
        release.install()
        kubectl = release.kubectl
        kubectl("create", "rolebinding", "them", f"--clusterrole={role}", f"--serviceaccount={namespace.name}:default")

        def can(verb: str, *more: str) -> bool:
            who = ("--as", f"system:serviceaccount:{namespace.name}:default")
            said = kubectl("auth", "can-i", verb, "webhookcoreconfigs.webhookcore.io", *more, *who, check=False)
            return said.out.strip() == "yes"

        eventually(lambda: can("get"), "the roles are aggregated")
        assert [verb for verb in may if not can(verb)] == []
        assert [verb for verb in may_not if can(verb)] == []
        assert can("get", "--subresource=scale")
        assert not can("patch", "--subresource=status")


def test_helm_test(cluster: Cluster, namespace: Namespace) -> None:
    """Succeeds with an operator, and says what it looked at; without one it fails and says what it missed."""
    with released(cluster, namespace) as release:
        release.install()
        assert "An operator is ready" in release.test().out
        assert release.kubectl.must_get("poddisruptionbudget", release.operator)["spec"]["maxUnavailable"] == 1


def test_an_operator_for_some_namespaces(cluster: Cluster, namespaces: Callable[[], Namespace]) -> None:
    """It works with Roles alone, where they are, and never asks for more."""
    its, others = namespaces(), namespaces()
    values = {"watchNamespaces": [its.name], "rbac": {"aggregate": False}, "operator": ALONE}
    with released(cluster, its, **values) as release:
        log = cluster.audit()
        release.install()
        for each in (its, others):
            each.kubectl.apply(each.config(RIDES))
        eventually(lambda: its.kubectl.condition("wcc", "test", "DependenciesResolved"), "it is looked at")
        assert "status" not in others.kubectl.must_get("wcc", "test")
        asked = log.requests(account=f"{its.name}/{release.operator}")
        assert [request for request in asked if request.code in {401, 403}] == []
        assert {request.namespace for request in asked} == {its.name}


def test_one_of_its_namespaces_is_deleted(cluster: Cluster, namespaces: Callable[[], Namespace]) -> None:
    """Its Role is gone with it. The operator starts anew, once, and looks after the other one."""
    its, gone = namespaces(), namespaces()
    values = {"watchNamespaces": [its.name, gone.name], "rbac": {"aggregate": False}, "operator": ALONE}
    with released(cluster, its, **values) as release:
        release.install()
        for each in (its, gone):
            each.kubectl.apply(each.config(RIDES))
            eventually(lambda each=each: each.kubectl.condition("wcc", "test", "Ready"), "it is looked at")  # type: ignore[misc]
        kubectl = release.kubectl
        cluster.kubectl.delete("namespace", gone.name)
        eventually(lambda: restarts(release) == 1, "the operator starts anew", seconds=90)
        kubectl.rolled_out(f"deployment/{release.operator}", seconds=90)
        assert f"no right to look into: {gone.name}" in kubectl.logs(f"deployment/{release.operator}")
        kubectl.patch("wcc", "test", {"spec": {"dlq": {"batchSize": 7}}})
        generation = kubectl.must_get("wcc", "test")["metadata"]["generation"]
        eventually(lambda: observed(kubectl) == generation, "a change is seen")
        assert restarts(release) == 1


def test_its_namespace_is_deleted_with_all_that_is_in_it(cluster: Cluster, namespace: Namespace) -> None:
    """The operator, a resource, routers that serve, the database: at once, and nothing hangs."""
    values = {"watchNamespaces": [namespace.name], "rbac": {"aggregate": False}, "operator": ALONE}
    with released(cluster, namespace, **values) as release:
        release.install()
        assert lives.live(namespace).answers()
        cluster.kubectl.delete("namespace", namespace.name, wait=False)
        eventually(lambda: cluster.kubectl.get("namespace", namespace.name) is None, "it is gone", seconds=GONE_SECONDS)


def test_a_crd_that_comes_after_the_operator(cluster: Cluster, namespace: Namespace, crd_stays: None) -> None:
    """It leads and waits; a resource is seen at once then, and not at some resync."""
    del crd_stays
    cluster.kubectl.delete("crd", CRD)
    values = {"crds": {"enabled": False}, "operator": {"replicas": 1, "resyncSeconds": 300}}
    with released(cluster, namespace, **values) as release:
        release.install()
        kubectl = release.kubectl
        kubectl.rolled_out(f"deployment/{release.operator}")
        logs = f"deployment/{release.operator}"
        eventually(lambda: "nothing to watch yet" in kubectl.logs(logs), "it says what it waits for")
        cluster.kubectl.apply(ROOT / "crds" / "webhookcoreconfigs.yaml", server_side=True)
        cluster.kubectl.wait(f"crd/{CRD}", "condition=Established")
        eventually(lambda: resynced(release), "its first look is over: what it sees from here on, it sees by a watch")
        kubectl.apply(namespace.config(RIDES))
        eventually(lambda: kubectl.condition("wcc", "test", "Ready"), "it is looked at", seconds=30)
        assert restarts(release) == 0


def restarts(release: Release) -> int:
    """Of the operator's one container."""
    (pod,) = release.kubectl.staying("pods", "app.kubernetes.io/component=operator")
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def resynced(release: Release) -> bool:
    """Whether its operator has looked at everything."""
    (pod,) = release.kubectl.names("pods", "app.kubernetes.io/component=operator")
    told = release.kubectl.get_raw(f"/api/v1/namespaces/{release.namespace.name}/pods/{pod}:8080/proxy/metrics")
    (value,) = re.findall(rf"^{METRIC_LAST_RESYNC} (\S+)$", told, re.MULTILINE)
    return float(value) > 0


def observed(kubectl: Kubectl) -> int:
    return int(kubectl.must_get("wcc", "test")["status"]["observedGeneration"])


def test_manifests_without_helm_on_the_machine() -> None:
    """It says what to install."""
    said = subprocess.run(
        ["sh", str(ROOT / "scripts/manifests.sh")],
        env={"PATH": os.defpath, "HELM": "no-such-helm", "XDG_CACHE_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "there is no no-such-helm. Install it" in said.stderr
