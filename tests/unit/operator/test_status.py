"""The status: from what was found, always the same bytes, and what it remembers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.objects import NAMESPACE, UID, child, config, deployment, job, pod

from webhookcore_operator.children import Children
from webhookcore_operator.conditions import FALSE, TRUE, Type
from webhookcore_operator.crd.status import STATUS
from webhookcore_operator.gate import Memory
from webhookcore_operator.render import Owner
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import Part
from webhookcore_operator.status import Findings, build, memory_of

NOW = "2026-01-02T03:04:05Z"
LAST = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def held(*live: Manifest) -> Children:
    return Children(Owner("shop", NAMESPACE, UID), live)


def cron_jobs(**status: Any) -> list[Manifest]:
    return [child("CronJob", part, part, status=status) for part in (Part.DLQ_PROCESSOR, Part.SESSION_CLEANUP)]


def found(status: Manifest) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def resolved(memory: Memory | None = None) -> Findings:
    findings = Findings(memory=memory or Memory(done="h"))
    findings.say(Type.DEPENDENCIES_RESOLVED, TRUE, "Resolved", "all there")
    return findings


def test_all_well() -> None:
    """Every field, in one that runs."""
    resource = config(spec={"router": {"path": "/hooks"}})
    runs = [job("dlq-1", Part.DLQ_PROCESSOR, "Complete", "2026-01-01T11:00:00Z")]
    status = build(resource, resolved(), held(deployment(3), *cron_jobs(), *runs), [], NOW)
    assert [each["type"] for each in status["conditions"]] == list(Type)
    assert {each["lastTransitionTime"] for each in status["conditions"]} == {NOW}
    assert {each["observedGeneration"] for each in status["conditions"]} == {7}
    assert found(status) == {
        "Ready": ("True", "Ready"),
        "SpecApplied": ("True", "Applied"),
        "RouterAvailable": ("True", "RouterReady"),
        "DatabaseMigrated": ("True", "Migrated"),
        "ScheduledTasksHealthy": ("True", "Healthy"),
        "DependenciesResolved": ("True", "Resolved"),
        "Suspended": ("False", "NotSuspended"),
    }
    del status["conditions"]
    assert status == {
        "observedGeneration": 7,
        "replicas": 3,
        "readyReplicas": 3,
        "selector": (
            "app.kubernetes.io/name=webhook-core,app.kubernetes.io/instance=shop,app.kubernetes.io/component=router"
        ),
        "endpoint": "http://shop-router.shop.svc/hooks",
        "image": "webhook-core:1",
        "scheduledTasks": [
            {"name": "dlq-processor", "lastSuccessfulTime": "2026-01-01T11:00:00Z", "consecutiveFailures": 0},
            {"name": "session-cleanup", "consecutiveFailures": 0},
        ],
        "migration": {"hash": "h"},
    }


def test_nothing_yet() -> None:
    """Of a resource of a moment ago nobody knows anything; what is empty is left out."""
    status = build(config(), Findings(), held(), [], NOW)
    assert found(status) == {
        "Ready": ("False", "NoRouter"),
        "SpecApplied": ("False", "RollingOut"),
        "RouterAvailable": ("False", "NoRouter"),
        "DatabaseMigrated": ("Unknown", "NotLookedAt"),
        "ScheduledTasksHealthy": ("Unknown", "NoTasks"),
        "DependenciesResolved": ("Unknown", "NotLookedAt"),
        "Suspended": ("False", "NotSuspended"),
    }
    assert set(status) == {"observedGeneration", "conditions", "replicas", "readyReplicas", "selector"}


def test_what_a_stranger_has_is_not_told_as_ours() -> None:
    """A Deployment and CronJobs of one of the same name before."""
    strangers = [child(each["kind"], each["metadata"]["name"], "x", uid="u-0") for each in (deployment(), *cron_jobs())]
    status = build(config(), resolved(), held(*strangers), [], NOW)
    assert (status["replicas"], "endpoint" in status, "scheduledTasks" in status) == (0, False, False)


def test_the_first_word_on_a_condition_stands() -> None:
    """It is the cause; what children say comes after what the reconciliation found."""
    findings = resolved()
    findings.say(Type.SPEC_APPLIED, FALSE, "NameConflict", "in the way")
    findings.say(Type.SPEC_APPLIED, FALSE, "InvalidSpec", "refused")
    told = found(build(config(), findings, held(deployment()), [], NOW))
    assert told["SpecApplied"] == told["Ready"] == ("False", "NameConflict")


def test_the_routers_pods_say_why_a_rollout_stalls() -> None:
    """Only their words do."""
    broken = pod("a", containerStatuses=[{"state": {"waiting": {"reason": "ErrImagePull"}}}])
    status = build(config(), resolved(), held(deployment(updated=1)), [broken], NOW)
    assert found(status)["Ready"] == ("False", "RolloutStalled")


def test_the_same_inputs_give_the_same_bytes() -> None:
    """So that an idle cluster sees no write: a minute later nothing has moved, whatever order things were listed in."""
    live = [deployment(updated=1), *cron_jobs(lastScheduleTime="2026-01-01T11:00:00Z")]
    live += [job(f"dlq-{number}", Part.DLQ_PROCESSOR, "Failed", f"2026-01-01T1{number}:00:00Z") for number in range(4)]
    pods = [pod(name, containerStatuses=[{"state": {"waiting": {"reason": "ErrImagePull"}}}]) for name in "abcd"]
    memory = Memory("old", "new", 2, LAST)
    first = build(config(), resolved(memory), held(*live), pods, NOW)
    before = config(status=first)
    again = build(before, resolved(memory_of(first)), held(*live[::-1]), pods[::-1], "2026-01-02T03:05:05Z")
    assert json.dumps(again) == json.dumps(first)


def test_the_image_is_the_one_that_runs() -> None:
    """Whatever the spec says and the status said; the one before is told while nobody knows."""
    resource = config(spec={"image": {"repository": "webhook-core", "tag": "2"}}, status={"image": "webhook-core:0"})
    assert build(resource, Findings(), held(deployment()), [], NOW)["image"] == "webhook-core:1"
    assert build(resource, Findings(), held(), [], NOW)["image"] == "webhook-core:0"


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        (Memory(), None),
        (Memory(done="a"), {"hash": "a"}),
        (
            Memory("a", "b", 3, LAST),
            {"hash": "a", "failedHash": "b", "failures": 3, "lastFailureTime": "2026-01-01T12:00:00Z"},
        ),
        (Memory("", "b", 1, LAST), {"failedHash": "b", "failures": 1, "lastFailureTime": "2026-01-01T12:00:00Z"}),
    ],
)
def test_a_memory_survives_its_way_through_the_status(memory: Memory, told: Any) -> None:
    """And nothing is written of what there is not."""
    status = build(config(), Findings(memory=memory), held(), [], NOW)
    assert status.get("migration") == told
    assert memory_of(status) == memory


def test_while_a_migration_fails_the_database_is_not_said_to_be_migrated() -> None:
    """Where something else came first: nobody knows."""
    told = found(build(config(), Findings(memory=Memory("a", "b", 1, LAST)), held(), [], NOW))
    assert told["DatabaseMigrated"] == ("Unknown", "NotLookedAt")


def test_the_server_keeps_every_field() -> None:
    """What the schema does not name is pruned, and so would be forgotten and written again and again."""
    runs = cron_jobs(lastScheduleTime="2026-01-01T11:00:00Z", lastSuccessfulTime="2026-01-01T11:00:00Z")
    status = build(config(), resolved(Memory("a", "b", 3, LAST)), held(deployment(), *runs), [], NOW)

    def assert_named(value: Any, schema: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                assert name in schema["properties"], f"{path}.{name}"
                assert_named(inner, schema["properties"][name], f"{path}.{name}")
        for inner in value if isinstance(value, list) else ():
            assert_named(inner, schema["items"], f"{path}[]")

    assert_named(status, STATUS, "status")
    assert set(status) == set(STATUS["properties"])
