"""An operator beside the cluster: its reconciliation in this process, and the whole of it as a process of its own.

The suite's operator is away meanwhile: two would repair each other's work.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from tests.cluster.support import accounts, manifests
from tests.cluster.support.chart import CRD
from tests.cluster.support.client import Gate, connected
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.monitoring import monitoring_kinds
from tests.cluster.support.namespace import DATABASE, Namespace
from tests.cluster.support.standing import NAME, ROUTER, standing
from tests.cluster.support.tools import ROOT
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.unit.settings.configs import changed

from webhookcore_operator.api import ApiError
from webhookcore_operator.events import Recorder
from webhookcore_operator.leader import NAME as LEASE
from webhookcore_operator.metrics import Metrics
from webhookcore_operator.reconcile import FAILURES, Reconciler
from webhookcore_operator.unread import STAYS
from webhookcore_operator.work_queue import Key

NO_IMAGE: Final = {"spec.image": {"repository": "nobody.example/none", "tag": "1", "pullPolicy": "Never"}}
BY_HAND: Final = {**NO_IMAGE, "spec.database.migrations": "Manual"}
"""Its pods never run, and it needs no migration."""
ACCOUNT: Final = "operator-of-this-test"
SECONDS: Final = 90.0
LONGEST_PAUSE: Final = 0.5


class Reconciling:
    """A reconciler that is called for one resource as the work queue would call it, only sooner."""

    def __init__(
        self, reconciler: Reconciler, metrics: Metrics, gate: Gate, kubectl: Kubectl, woken: list[Key]
    ) -> None:
        self.metrics = metrics
        self.gate = gate
        self.kubectl = kubectl
        self.woken = woken
        """Others that it had reconciled."""
        self.later = timedelta()
        """How far its clock is ahead."""
        self._reconciler = reconciler

    async def once(self, name: str = NAME) -> float | None:
        return await self._reconciler.reconcile(Key(self.kubectl.namespace, name))

    async def until(self, type_: str, status: str, reason: str = "", *, name: str = NAME) -> str:
        """The message of the condition, once it is so."""
        found: Mapping[str, Any] = {}
        async with asyncio.timeout(SECONDS):
            while (found.get("status"), found.get("reason")) != (status, reason or found.get("reason")):
                await self.once(name)
                found = self.condition(type_, name)
                await asyncio.sleep(LONGEST_PAUSE)
        return str(found["message"])

    def condition(self, type_: str, name: str = NAME) -> dict[str, Any]:
        return self.kubectl.condition("wcc", name, type_)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"webhookcore_operator_{name}", labels) or 0.0


@pytest.fixture(scope="module")
def alone(cluster: Cluster, own_operator: None) -> None:
    """No other operator reconciles, and the cluster has the kind."""
    del own_operator
    how = ("--server-side", "--force-conflicts", "--field-manager=helm")
    cluster.kubectl("apply", *how, "-f", str(ROOT / "crds/webhookcoreconfigs.yaml"))
    cluster.kubectl.wait(f"crd/{CRD}", "condition=Established")


@pytest.fixture
def place(alone: None, namespace: Namespace, shared_database: str) -> Namespace:
    """With the Secrets that resources name."""
    del alone
    namespace.secrets(shared_database)
    return namespace


@pytest_asyncio.fixture
async def reconciling(place: Namespace) -> AsyncIterator[Reconciling]:
    async with reconciling_as(place) as made:
        yield made


@asynccontextmanager
async def reconciling_as(place: Namespace, *, token: str = "") -> AsyncIterator[Reconciling]:
    """As the cluster's administrator, or as whom the token names."""
    gate, metrics, woken = Gate(), Metrics(), list[Key]()
    async with connected(place.cluster, gate, token=token) as api:

        def now() -> datetime:
            return datetime.now(UTC) + made.later

        reconciler = Reconciler(
            api,
            image=place.cluster.image,
            monitoring=frozenset(),
            metrics=metrics,
            recorder=Recorder(api, "a-test"),
            wake=woken.append,
            now=now,
        )
        made = Reconciling(reconciler, metrics, gate, place.kubectl, woken)
        yield made


async def test_the_life_of_a_resource(reconciling: Reconciling, place: Namespace) -> None:
    """Migrated, rolled out, Ready; left alone; repaired; autoscaled and not; gone without a trace in the metrics."""
    kubectl = place.kubectl
    kubectl.apply(standing(place))
    await reconciling.until("DatabaseMigrated", "False", "Migrating")
    await reconciling.until("DatabaseMigrated", "True", "Migrated")
    await reconciling.until("SpecApplied", "True", "Applied")
    await reconciling.until("Ready", "True", "Ready")
    labels = {"resource_namespace": place.name, "resource_name": NAME, "condition": "Ready"}
    assert reconciling.count("resource_condition", **labels) == 1

    await reconciling.once()
    reconciling.gate.writes = 0
    assert await reconciling.once() is None
    assert reconciling.gate.writes == 0

    kubectl.delete("service", ROUTER)
    await reconciling.once()
    assert reconciling.count("drift_corrections_total", kind="Service") == 1
    assert kubectl.get("service", ROUTER) is not None

    kubectl.patch("wcc", NAME, {"spec": {"router": {"autoscaling": {"minReplicas": 1, "maxReplicas": 2}}}})
    await reconciling.until("SpecApplied", "True", "Applied")
    assert kubectl.must_get("deployment", ROUTER)["spec"]["replicas"] == 1
    assert kubectl.get("hpa", ROUTER) is not None
    kubectl.patch("wcc", NAME, {"spec": {"router": {"autoscaling": None}, "dlq": {"batchSize": 7}}})
    await reconciling.until("SpecApplied", "True", "Applied")
    await reconciling.once()
    assert kubectl.get("hpa", ROUTER) is None
    config_maps = ("configmaps", "app.kubernetes.io/component=jobs")
    assert len(kubectl.names(*config_maps)) == 2, "a run that starts just now may read the one of before"
    reconciling.later = STAYS
    await reconciling.once()
    assert len(kubectl.names(*config_maps)) == 1, "the one of before is pruned"

    kubectl.delete("wcc", NAME)
    assert await reconciling.once() is None
    assert reconciling.count("resource_condition", **labels) == 0
    assert reconciling.count("reconcile_total", result="error") == 0


async def test_what_a_resource_depends_on(reconciling: Reconciling, place: Namespace) -> None:
    """Each thing that is missing is named by its field, with the remedy; what ran before runs on."""
    kubectl = place.kubectl
    there = {"name": "rides", "service": {"name": "rides", "port": 80}}
    kubectl.apply(changed({**BY_HAND, "spec.routes": [there]}, standing(place)))

    async def told(reason: str) -> str:
        return await reconciling.until("DependenciesResolved", "False", reason)

    assert "spec.routes[0].service: there is no Service rides" in await told("ServiceMissing")
    assert kubectl.get("deployment", ROUTER) is not None, "the other routes are served all the same"
    kubectl.apply(manifests.service("rides", 81, 8080))
    await reconciling.once()
    assert "spec.routes[0].service.port: the Service rides has no port 80" in await told("ServiceMissing")
    kubectl.apply(manifests.service("rides", 80, 8080))
    assert "is there" in await reconciling.until("DependenciesResolved", "True", "Resolved")

    before = kubectl.must_get("secret", "whatsapp")
    kubectl.delete("secret", "whatsapp")
    assert "spec.whatsapp.appSecretRef: there is no Secret whatsapp" in await told("SecretMissing")
    for held, words in (
        ({"app-secret": ""}, "the key `app-secret` of the Secret whatsapp is empty"),
        ({"app-secret": "short"}, "the key `app-secret` of the Secret whatsapp is shorter than 8 bytes"),
        ({"other": "x"}, "the Secret whatsapp has no key `app-secret`; its keys are"),
    ):
        kubectl.delete("secret", "whatsapp")
        kubectl.apply(manifests.secret("whatsapp", held))
        await reconciling.once()
        assert words in reconciling.condition("DependenciesResolved")["message"]
    assert kubectl.get("deployment", ROUTER) is not None
    kubectl.delete("secret", "whatsapp")
    kubectl.apply({**before, "metadata": {"name": "whatsapp"}})
    await reconciling.until("DependenciesResolved", "True")

    internal = f"{NAME}-internal"
    kubectl.patch("secret", internal, {"data": {"secret": None}})
    assert f"the Secret {internal} has no key `secret`" in await told("InternalSecretUnusable")
    kubectl.delete("secret", internal)
    kubectl.apply(manifests.secret(internal, {"secret": "a-strangers-secret"}))
    await reconciling.once()
    assert "is not this resource's" in reconciling.condition("DependenciesResolved")["message"]
    kubectl.delete("secret", internal)
    await reconciling.until("DependenciesResolved", "True")


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"spec.routes.0.url": "http://169.254.169.254/"}, "InvalidSpec", "spec.routes[0].url"),
        ({"spec.router.affinity": {"nodeAffinity": "none"}}, "InvalidSpec", "affinity.nodeAffinity"),
        ({"spec.router.affinity": {"noSuchField": {}}}, "InvalidSpec", "affinity.noSuchField"),
        ({"spec.router.tolerations": [{"operator": "Sometimes"}]}, "InvalidSpec", "tolerations[0].operator"),
    ],
    ids=["core refuses it", "of another type", "no such field", "no such value"],
)
async def test_a_spec_that_cannot_work(
    reconciling: Reconciling, place: Namespace, changes: Mapping[str, Any], reason: str, says: str
) -> None:
    """Whoever finds it out, core or the API server: the condition has the place; what runs runs on; nothing is hot."""
    kubectl = place.kubectl
    kubectl.apply(standing(place, **BY_HAND))
    await reconciling.until("SpecApplied", "False", "RolloutStalled")
    running = kubectl.must_get("deployment", ROUTER)["spec"]
    kubectl.apply(standing(place, **BY_HAND, **changes))
    assert says in await reconciling.until("SpecApplied", "False", reason)
    assert reconciling.condition("Ready")["status"] == "False"
    assert kubectl.must_get("deployment", ROUTER)["spec"] == running
    assert reconciling.count("reconcile_total", result="error") == 0
    kubectl.apply(standing(place, **BY_HAND))
    await reconciling.until("SpecApplied", "False", "RolloutStalled")


async def test_keywords_that_read_the_same(reconciling: Reconciling, place: Namespace) -> None:
    """CEL cannot fold case."""
    routes = [{"name": name, "url": "http://a.example/", "keywords": [word]} for name, word in (("a", "x"), ("b", "X"))]
    place.kubectl.apply(standing(place, **BY_HAND, **{"spec.routes": routes, "spec.fallback": "a"}))
    assert "spec.routes[1].keywords[0]" in await reconciling.until("SpecApplied", "False", "KeywordConflict")
    assert place.kubectl.get("deployment", ROUTER) is None


async def test_a_migration_that_fails(reconciling: Reconciling, place: Namespace) -> None:
    """It says why, in the pod's own words; it is tried again when its time has come, at once when something changed.

    Until then there is no router; what a finished migration was is remembered when its Job is gone.
    """
    kubectl = place.kubectl
    right = kubectl.must_get("secret", DATABASE)["data"]
    kubectl.patch("secret", DATABASE, {"stringData": {"url": "postgresql://db/x?no-such-parameter=1"}})
    kubectl.apply(standing(place))
    assert "it said: " in await reconciling.until("DatabaseMigrated", "False", "MigrationFailed")
    (first,) = kubectl.names("jobs")
    assert kubectl.get("deployment", ROUTER) is None
    assert kubectl.must_get("wcc", NAME)["status"]["migration"]["failures"] == 1

    uid = kubectl.must_get("job", first)["metadata"]["uid"]
    reconciling.later = timedelta(minutes=2)
    async with asyncio.timeout(SECONDS):
        while (job := kubectl.get("job", first)) is None or job["metadata"]["uid"] == uid:
            await reconciling.once()
            await asyncio.sleep(LONGEST_PAUSE)
    assert reconciling.condition("DatabaseMigrated")["reason"] == "MigrationFailed", "it has not succeeded yet"

    kubectl.patch("secret", DATABASE, {"data": right})
    await reconciling.until("DatabaseMigrated", "True", "Migrated")
    eventually(lambda: first not in kubectl.names("jobs"), "the failed one is pruned")
    kubectl.delete("job", *kubectl.names("jobs"))
    await reconciling.until("Ready", "True")
    assert kubectl.names("jobs") == set()
    kubectl.delete("wcc", NAME)


async def test_what_nobody_foresaw(place: Namespace, caplog: pytest.LogCaptureFixture) -> None:
    """Raised each time, so that it is tried again later; from the third time on the resource is told, if it can be."""
    kubectl = place.kubectl
    token = accounts.made(kubectl, ACCOUNT)
    accounts.allow(kubectl, ACCOUNT, accounts.LOOK_ON)
    kubectl.apply(standing(place, **BY_HAND))
    async with reconciling_as(place, token=token) as reconciling:

        async def fails() -> None:
            with pytest.raises(ApiError):
                await reconciling.once()

        async with asyncio.timeout(SECONDS):
            while "its status could not be written either" not in caplog.text:
                await fails()
        told = {"apiGroups": ["webhookcore.io"], "resources": ["webhookcoreconfigs/status"], "verbs": ["patch"]}
        accounts.allow(kubectl, ACCOUNT, accounts.LOOK_ON, told)
        async with asyncio.timeout(SECONDS):
            while not kubectl.must_get("wcc", NAME).get("status"):
                await fails()
        found = reconciling.condition("SpecApplied")
        assert (found["status"], found["reason"]) == ("False", "ReconcileFailed")
        assert "secrets" in found["message"]
        assert found["message"].endswith("it is tried again")
        assert reconciling.count("reconcile_total", result="error") > FAILURES


async def test_suspended(reconciling: Reconciling, place: Namespace) -> None:
    """Before the first time: nothing is made. Later: what runs is left as it is, whatever the spec says meanwhile."""
    kubectl = place.kubectl
    kubectl.apply(standing(place, **BY_HAND, **{"spec.suspend": True}))
    await reconciling.until("Suspended", "True", "Suspended")
    assert reconciling.condition("Ready")["status"] == "Unknown"
    assert kubectl.names("deployments,cronjobs,jobs,services,configmaps") == {"kube-root-ca.crt"}
    kubectl.apply(standing(place, **BY_HAND))
    await reconciling.until("Suspended", "False")
    kubectl.apply(standing(place, **BY_HAND, **{"spec.suspend": True, "spec.dlq.schedule": "1 * * * *"}))
    await reconciling.until("Suspended", "True")
    assert kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] != "1 * * * *"


async def test_who_has_the_names(reconciling: Reconciling, place: Namespace) -> None:
    """The older of two; and neither, of a name that a stranger has."""
    kubectl = place.kubectl
    stranger = manifests.service(ROUTER, 80, 80)
    kubectl.apply(stranger)
    kubectl.apply(standing(place, **BY_HAND))
    assert f"a Service {ROUTER}" in await reconciling.until("SpecApplied", "False", "NameConflict")
    kubectl.apply(standing(place, "younger", **BY_HAND))
    words = await reconciling.until("SpecApplied", "False", "NameConflict", name="younger")
    assert f"the WebhookCoreConfig {NAME} of this namespace is older" in words
    kubectl.delete("service", ROUTER)
    assert "nobody.example/none:1" in await reconciling.until("SpecApplied", "False", "RolloutStalled")
    assert reconciling.woken == []
    kubectl.delete("wcc", NAME)
    await reconciling.once()
    assert reconciling.woken == [Key(place.name, "younger")]
    eventually(lambda: kubectl.get("cronjob", "dlq-processor") is None, "the garbage is collected")
    await reconciling.until("SpecApplied", "False", "RolloutStalled", name="younger")


@asynccontextmanager
async def operating(place: Namespace, name: str, **env: str) -> AsyncIterator[tuple[Process, str]]:
    """`webhookcore operator` with a kubeconfig, watching this namespace only; and where it listens."""
    port = free_port()
    environment = {
        "KUBECONFIG": str(place.cluster.kubeconfig),
        "POD_NAME": name,
        "POD_NAMESPACE": place.name,
        "WEBHOOKCORE_OPERATOR_IMAGE": place.cluster.image,
        "WEBHOOKCORE_OPERATOR_PORT": str(port),
        "WEBHOOKCORE_WATCH_NAMESPACES": place.name,
        "WEBHOOKCORE_RESYNC_SECONDS": "5",
    }
    async with await Process.start("operator", env=environment | env) as process:
        yield process, f"http://127.0.0.1:{port}"
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def test_the_process(place: Namespace) -> None:
    """One leads, one waits; what is made and changed by hand is seen at once; at SIGTERM the other goes on at once."""
    kubectl = place.kubectl
    async with operating(place, "first") as (first, url):
        await first.wait_for_line("leading as first")
        async with operating(place, "second") as (second, _), httpx.AsyncClient(trust_env=False) as client:
            kubectl.apply(standing(place, **BY_HAND))
            await first.wait_for_line(f"Deployment {place.name}/{ROUTER}: created")
            kubectl.delete("service", ROUTER)
            await first.wait_for_line(f"Service {place.name}/{ROUTER}: repaired")
            for path, said in (("/healthz", "ok"), ("/readyz", "ok"), ("/metrics", "webhookcore_operator_leader 1.0")):
                answer = await client.get(f"{url}{path}")
                assert (answer.status_code, said in answer.text) == (200, True), answer.text
            assert 'drift_corrections_total{kind="Service"} 1.0' in (await client.get(f"{url}/metrics")).text
            assert "leading" not in second.output()

            first.terminate()
            assert await first.wait() == 0
            await second.wait_for_line("leading as second", seconds=15)
            assert kubectl.must_get("lease", LEASE)["spec"]["leaseTransitions"] == 1
            kubectl.delete("cronjob", "dlq-processor")
            eventually(lambda: kubectl.get("cronjob", "dlq-processor"), "the second one works")


async def test_kinds_that_come_while_it_runs(place: Namespace) -> None:
    """Who installs the Prometheus operator later need not think of this one: it ends, and its pod starts it again."""
    place.kubectl.apply(standing(place, **BY_HAND, **{"spec.monitoring": {"podMonitor": True}}))
    async with operating(place, "before") as (before, _):
        await before.wait_for_line(f"Deployment {place.name}/{ROUTER}: created")
        with monitoring_kinds(place.cluster):
            await before.wait_for_line("there is something else to watch than before (PodMonitor, PrometheusRule)")
            assert await before.wait() == 0
            async with operating(place, "after") as (after, _):
                await after.wait_for_line(f"PodMonitor {place.name}/{ROUTER}: created")


async def test_a_process_that_cannot_start(place: Namespace) -> None:
    """It says what is wrong with its environment, in one line, and what to do."""
    for env, says in (
        ({"WEBHOOKCORE_OPERATOR_IMAGE": ""}, "WEBHOOKCORE_OPERATOR_IMAGE"),
        ({"WEBHOOKCORE_RESYNC_SECONDS": "often"}, "WEBHOOKCORE_RESYNC_SECONDS"),
        ({"KUBECONFIG": "/nowhere"}, "there is no cluster to speak to"),
    ):
        async with operating(place, "cannot", **env) as (process, _):
            assert await process.wait() != 0
            assert says in process.errors[-1]
            assert "Traceback" not in process.output()
    async with operating(place, "one") as (one, url):
        await one.wait_for_line("leading as one")
        port = url.rpartition(":")[2]
        async with operating(place, "two", WEBHOOKCORE_OPERATOR_PORT=port) as (two, _):
            assert await two.wait() != 0
            assert f"the port {port} cannot be listened on" in two.output()
