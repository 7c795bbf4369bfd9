"""What cannot work: the condition says what and what to do, the router of before answers, and it ends when mended."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from tests.cluster.support import live as lives
from tests.cluster.support import manifests
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.live import NAME, ROUTER, SELECTOR, Live
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import NAMESPACE, OPERATOR, RESYNC_SECONDS, Operator

NOWHERE: Final = {"repository": "webhook-core", "tag": "no-such-tag"}
CALM_SECONDS: Final = 5.0
CALM_LOOKS: Final = 4
"""Most that are made in so short a time: a resync, one for what is missing, and for what came of them."""
METADATA_ROUTE: Final = {"name": "wa-webhook-example", "url": "http://169.254.169.254/latest"}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shared(operator: Operator, module_namespaces: Callable[[], Namespace]) -> Live:
    """One for all tests here."""
    del operator
    return lives.live(module_namespaces())


@pytest.fixture
def live(shared: Live) -> Iterator[Live]:
    """Ready; its spec is what it was for the next test, whatever this one comes to."""
    spec = shared.kubectl.must_get("wcc", NAME)["spec"]
    shared.wait_ready()
    yield shared
    shared.kubectl.patch("wcc", NAME, [{"op": "replace", "path": "/spec", "value": spec}])


@contextmanager
def undisturbed(live: Live) -> Iterator[None]:
    """While the trouble is there: the routers of before, none of them started anew, and they answer. Nor does the
    operator try over and over.
    """
    before, restarts = live.routers(), live.restarts()
    yield
    calm(live)
    assert before <= live.routers()
    assert live.restarts() == restarts
    assert live.answers()


def calm(live: Live) -> None:
    """The operator makes and deletes nothing, and looks now and then, not all the time: by the audit log."""
    log = live.namespace.cluster.audit()
    time.sleep(CALM_SECONDS)
    asked = [each for each in log.requests(account=f"{NAMESPACE}/{OPERATOR}") if each.namespace == live.namespace.name]
    assert [each for each in asked if each.verb in {"create", "delete"} and each.resource != "events"] == []
    assert len([each for each in asked if each.resource == "webhookcoreconfigs"]) <= CALM_LOOKS, asked


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"routes": [METADATA_ROUTE]},
            'spec.routes[0].url: "http://169.254.169.254/latest" (29 characters); must not be a cloud metadata address',
        ),
        ({"cleanup": {"timeZone": "Nowhere/Else"}}, "spec.cleanup.timeZone: "),
        ({"dlq": {"schedule": "60 * * * *"}}, "spec.dlq.schedule: "),
    ],
    ids=["url", "time zone", "schedule"],
)
def test_what_the_crd_lets_through_and_core_refuses(
    live: Live, operator: Operator, change: Mapping[str, Any], says: str
) -> None:
    """InvalidSpec with the field's path and what it must be; nothing changes, and nothing is tried over and over."""
    before = live.kubectl.must_get("wcc", NAME)["spec"]
    deployment = live.deployment()
    with undisturbed(live):
        live.change(**change)
        told = live.becomes("SpecApplied", "False", "InvalidSpec")
        assert says in told["message"]
        assert told["message"] == live.becomes("Ready", "False", "InvalidSpec")["message"]
        assert live.deployment()["spec"] == deployment["spec"]
    asked = operator.audit()
    operator.resynced()
    about = [found for found in asked.requests() if found.namespace == live.namespace.name]
    assert [found for found in about if found.is_write] == []
    assert len([found for found in about if found.resource == "webhookcoreconfigs"]) <= 4, about
    live.change(**{section: before[section] for section in change})
    live.wait_ready()


def test_suspended_with_a_spec_that_cannot_work(live: Live) -> None:
    """Both are said."""
    live.change(suspend=True, cleanup={"timeZone": "Nowhere/Else"})
    live.becomes("SpecApplied", "False", "InvalidSpec")
    live.becomes("Suspended", "True", "Suspended")
    live.change(suspend=None, cleanup={"timeZone": "Etc/UTC"})
    live.becomes("Suspended", "False", "NotSuspended")
    live.wait_ready()


def test_a_secret_that_is_not_there(live: Live) -> None:
    """The condition names the field, the Secret and its key; once it is there, routers take it."""
    with undisturbed(live):
        live.change(whatsapp={"verifyTokenRef": {"name": "later", "key": "token"}})
        told = live.becomes("DependenciesResolved", "False", "SecretMissing")
        assert told["message"] == (
            f"spec.whatsapp.verifyTokenRef: there is no Secret later in the namespace {live.namespace.name}; "
            "create it with the key `token`"
        )
        live.becomes("Ready", "False", "SecretMissing")
    with undisturbed(live):
        live.kubectl.apply(manifests.secret("later", {"another": "a-verify-token"}))
        eventually(
            lambda: "`another`" in live.becomes("DependenciesResolved", "False", "SecretMissing")["message"],
            "the condition names the keys that are there",
        )
    live.kubectl.apply(manifests.secret("later", {"token": "a-verify-token"}))
    live.becomes("DependenciesResolved", "True", "Resolved")
    live.wait_ready()
    assert live.answers()


def test_a_service_that_is_not_there(live: Live) -> None:
    """Ready is false and says which; the other routes are served all the same, the change among them."""
    before = live.kubectl.must_get("wcc", NAME)["spec"]["routes"]
    live.change(routes=[*before, {"name": "jobs", "service": {"name": "jobs", "port": 80}}])
    told = live.becomes("DependenciesResolved", "False", "ServiceMissing")
    assert "spec.routes[1].service: there is no Service jobs" in told["message"]
    live.becomes("Ready", "False", "ServiceMissing")
    live.becomes("SpecApplied", "True", "Applied")
    assert live.answers()
    calm(live)
    live.kubectl.apply(manifests.service("jobs", 80, 8080))
    live.becomes("Ready", "True")
    live.change(routes=before)
    live.wait_ready()


def test_an_image_that_is_not_there(live: Live) -> None:
    """The migration that comes first cannot start: that is said with the kubelet's words, and no router is touched."""
    revision, jobs = live.revision(), live.kubectl.names("jobs")
    with undisturbed(live):
        live.change(image=NOWHERE)
        told = live.becomes("DatabaseMigrated", "False", "MigrationStalled", seconds=90)
        assert "no-such-tag" in told["message"]
        live.becomes("Ready", "False", "MigrationStalled")
    live.change(image=None)
    live.wait_ready()
    assert live.revision() == revision
    eventually(lambda: live.kubectl.names("jobs") <= jobs, "the Job that is not wanted any more is gone")


def test_an_image_that_is_not_there_without_a_migration(live: Live) -> None:
    """The new routers cannot start: that is said with the kubelet's words, and those of before stay."""
    with undisturbed(live):
        live.change(image=NOWHERE, database={"migrations": "Manual"})
        told = live.becomes("SpecApplied", "False", "RolloutStalled", seconds=90)
        assert "no-such-tag" in told["message"]
        live.becomes("Ready", "False", "RolloutStalled")
    live.change(image=None, database={"migrations": "Auto"})
    live.wait_ready()


def test_routers_that_the_api_server_refuses(live: Live) -> None:
    """Fields that are passed through are the API server's to judge: its words are in the condition."""
    with undisturbed(live):
        live.change(router={"affinity": {"nodeAffinity": {"nothing": "known"}}})
        told = live.becomes("SpecApplied", "False", "InvalidSpec")
        assert f"the API server refuses the Deployment {ROUTER}" in told["message"]
        assert "nodeAffinity" in told["message"]
    live.change(router={"affinity": None})
    live.wait_ready()


def test_a_quantity_that_is_none(live: Live) -> None:
    """The API server finds it only when it turns the object into its own; everything else is applied all the same."""
    with undisturbed(live):
        live.change(router={"resources": {"limits": {"memory": "512MB"}}}, dlq={"schedule": "*/11 * * * *"})
        told = live.becomes("SpecApplied", "False", "InvalidSpec")
        assert f"the API server refuses the Deployment {ROUTER}" in told["message"]
        assert "quantities" in told["message"]
        eventually(
            lambda: live.kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] == "*/11 * * * *",
            "the CronJob follows",
        )
    live.change(router={"resources": None})
    live.wait_ready()


def test_routers_that_are_refused_keep_their_config(live: Live) -> None:
    """The template that stands names the ConfigMap of before: a router that has to start anew still finds it."""
    before, routers = live.kubectl.must_get("wcc", NAME)["spec"]["routes"], live.routers()
    live.change(
        routes=[{**before[0], "keywords": ["another"]}, *before[1:]],
        router={"affinity": {"nodeAffinity": {"nothing": "known"}}},
    )
    live.becomes("SpecApplied", "False", "InvalidSpec")
    live.kubectl("delete", "pods", "--selector", SELECTOR)
    eventually(lambda: live.routers().isdisjoint(routers), "another router takes its place")
    live.kubectl("wait", "--for=condition=Ready", "pods", "--selector", SELECTOR, "--timeout=90s")
    eventually(live.answers, "it answers")
    live.change(router={"affinity": None}, routes=before)
    live.wait_ready()


def test_an_api_server_that_fails(live: Live) -> None:
    """Whoever has a webhook for Deployments that does not answer is told of it; all else is brought about meanwhile."""
    webhooks = live.namespace.cluster.kubectl
    before, restarts = live.routers(), live.restarts()
    webhooks.apply(nobody_admits_deployments(live.namespace.name))
    try:
        live.change(router={"timeoutMs": 3500}, dlq={"schedule": "*/13 * * * *"})
        told = live.becomes("SpecApplied", "False", "ReconcileFailed")
        assert "failed calling webhook" in told["message"]
        live.becomes("Ready", "False", "ReconcileFailed")
        assert live.kubectl.must_get("cronjob", "dlq-processor")["spec"]["schedule"] == "*/13 * * * *"
        assert (live.routers(), live.restarts()) == (before, restarts)
        assert live.answers()
    finally:
        webhooks.delete("validatingwebhookconfiguration", live.namespace.name)
    live.wait_ready()


def nobody_admits_deployments(namespace: str) -> dict[str, Any]:
    """A webhook that the API server has to ask about each Deployment of the namespace, and that nobody serves."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "deployments.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 1,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["deployments"],
                    }
                ],
                "clientConfig": {"service": {"namespace": namespace, "name": "nobody", "path": "/"}},
            }
        ],
    }


def test_a_migration_that_has_no_node(live: Live) -> None:
    """Said in the scheduler's words; the routers of before work on. The Job is made anew once it may go elsewhere."""
    live.kubectl.apply(manifests.secret("again", {"url": live.postgres.url}))
    with undisturbed(live):
        again = {"urlSecretRef": {"name": "again", "key": "url"}}
        live.change(router={"nodeSelector": {"no-such": "node"}}, database=again)
        told = live.becomes("DatabaseMigrated", "False", "MigrationStalled", seconds=90)
        assert "Unschedulable" in told["message"]
    live.change(router={"nodeSelector": None})
    live.wait_ready()


def test_a_migration_that_fails(live: Live) -> None:
    """Said in the Job's own last words; the routers of before work on; tried again, it succeeds."""
    other = live.namespace.postgres("other")
    other.rows("CREATE TABLE schema_migrations (id text PRIMARY KEY, checksum text NOT NULL)")
    other.rows("INSERT INTO schema_migrations VALUES ('0000.somebody-elses', 'x')")
    live.kubectl.apply(manifests.secret("other", {"url": other.url}))
    with undisturbed(live):
        live.change(database={"urlSecretRef": {"name": "other", "key": "url"}})
        told = live.becomes("DatabaseMigrated", "False", "MigrationFailed")
        assert "0000.somebody-elses is unknown to this release" in told["message"]
        assert "kubectl logs job/test-migrate-" in told["message"]
        live.becomes("Ready", "False", "MigrationFailed")
        migration = live.kubectl.must_get("wcc", NAME)["status"]["migration"]
        assert migration["failures"] == 1
        assert migration["failedHash"] != migration["hash"]
    other.rows("DROP TABLE schema_migrations")
    live.becomes("DatabaseMigrated", "True", "Migrated", seconds=60 + 2 * RESYNC_SECONDS)
    live.wait_ready()
    assert live.answers()
    assert other.value("SELECT count(*) FROM wa_dead_letter_queue") == 0
