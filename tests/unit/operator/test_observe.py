"""What a Deployment, its pods, the CronJobs and their Jobs come to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.operator.objects import deployment, job, pod

from webhookcore_operator import observe
from webhookcore_operator.conditions import FALSE, TRUE, UNKNOWN
from webhookcore_operator.render.inputs import Manifest

PROGRESSING = {"type": "Progressing", "status": "True"}


def rolling(*conditions: Any) -> Manifest:
    live = deployment(2, updated=1)
    live["status"]["conditions"] = [PROGRESSING, *conditions]
    return live


def waiting(name: str, reason: str, message: str = "", ended: str = "", field: str = "containerStatuses") -> Manifest:
    last = {"lastState": {"terminated": {"message": ended}}} if ended else {}
    return pod(name, **{field: [{"state": {"waiting": {"reason": reason, "message": message}}, **last}]})


# The rollout


def test_what_is_settled_is_applied() -> None:
    """Whatever a pod of before says."""
    told = observe.rollout(deployment(), [waiting("a", "CrashLoopBackOff")])
    assert (told.status, told.reason) == (TRUE, "Applied")


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [pod("a")],
        [waiting("a", "ContainerCreating")],
        [pod("a", containerStatuses=[{"state": {"running": {}}}, {}])],
        [{"metadata": {"name": "a"}}],
    ],
)
def test_what_is_under_way_is_rolling_out(pods: list[Manifest]) -> None:
    """Pods that are only starting are no trouble."""
    told = observe.rollout(rolling(), pods)
    assert (told.status, told.reason) == (FALSE, "RollingOut")
    assert told.message == "1 of 2 routers are new; waiting for the rest"


def ending(restarts: int, code: int = 1, *, ready: bool = False, **state: Any) -> Manifest:
    """A pod whose container has ended with this code, and is in this state now."""
    last = {"terminated": {"exitCode": code, "message": "it said why"}}
    status = {"state": state, "lastState": last, "restartCount": restarts, "ready": ready}
    return pod("a", containerStatuses=[status])


@pytest.mark.parametrize(
    "a_pod",
    [
        ending(2, running={}),
        ending(2, terminated={"exitCode": 1, "message": "it said why"}),
        ending(2, waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"}),
        ending(2, waiting={"reason": "ContainerCreating"}),
    ],
)
def test_what_ends_again_and_again_is_stalled_all_the_while(a_pod: Manifest) -> None:
    """The same words, whatever it does at the moment: a condition must not go back and forth."""
    told = observe.rollout(rolling(), [a_pod])
    assert (told.reason, told.message) == ("RolloutStalled", "the pod a: CrashLoopBackOff: it said why")


@pytest.mark.parametrize(
    "a_pod", [ending(1, running={}), ending(3, running={}, ready=True), ending(2, 0, running={})], ids=str
)
def test_what_ended_once_or_is_ready_by_now_is_rolling_out(a_pod: Manifest) -> None:
    """Once is an accident, and exit code 0 a wish."""
    assert observe.rollout(rolling(), [a_pod]).reason == "RollingOut"


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([], "no pod could be made for it (kubectl describe job/shop-migrate-x)"),
        ([pod("a", conditions=[UNSCHEDULABLE])], "the pod a: Unschedulable: 0/3 nodes"),
        ([pod("a", conditions=[{**UNSCHEDULABLE, "status": "True"}])], ""),
        ([pod("a")], ""),
    ],
)
def test_a_job_without_a_place(pods: list[Manifest], words: str) -> None:
    """It has half a minute to get a pod, and the pod a node."""
    a_job = {"metadata": {"name": "shop-migrate-x", "creationTimestamp": "2026-11-24T10:00:00Z"}}
    made = datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert observe.unplaced(a_job, pods, made + timedelta(seconds=29)) == ""
    assert observe.unplaced(a_job, pods, made + timedelta(seconds=30)) == words


def test_a_deployment_of_no_status_is_rolling_out() -> None:
    """The controller has not seen it yet."""
    live = deployment()
    del live["status"]
    assert observe.rollout(live, []).message == "0 of 2 routers are new; waiting for the rest"


@pytest.mark.parametrize("field", ["initContainerStatuses", "containerStatuses"])
def test_a_pod_that_cannot_start_stalls_the_rollout(field: str) -> None:
    """With the pod's name, and what it said last or else what the kubelet says."""
    told = observe.rollout(rolling(), [waiting("a", "CrashLoopBackOff", "back-off 10s", "no database\n", field)])
    assert (told.reason, told.message) == ("RolloutStalled", "the pod a: CrashLoopBackOff: no database")
    told = observe.rollout(rolling(), [waiting("a", "ImagePullBackOff", "no such image", field=field)])
    assert told.message == "the pod a: ImagePullBackOff: no such image"


def test_of_many_broken_pods_three_are_told() -> None:
    """Always the same ones, and of a long message its beginning."""
    pods = [waiting(name, "ErrImagePull", "x" * 5000) for name in "dbca"]
    told = observe.rollout(rolling(), pods).message
    assert observe.rollout(rolling(), pods[::-1]).message == told
    assert [part[:9] for part in told.split("; ")] == ["the pod a", "the pod b", "the pod c"]
    assert max(len(part) for part in told.split("; ")) == 700


def test_a_pod_that_is_being_deleted_stalls_nothing() -> None:
    """It is of the spec before the one that mends it."""
    gone = waiting("a", "CrashLoopBackOff")
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert observe.rollout(rolling(), [gone]).reason == "RollingOut"


def test_pods_that_cannot_be_made_stall_it() -> None:
    """A quota, an admission policy."""
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    told = observe.rollout(rolling(failure), [waiting("a", "ErrImagePull")])
    assert (told.reason, told.message) == ("RolloutStalled", "pods cannot be made: exceeded quota")
    assert observe.rollout(rolling({**failure, "status": "False"}), []).reason == "RollingOut"


def test_no_progress_stalls_it() -> None:
    """Pods that run and do not get ready, or find no node."""
    live = rolling()
    live["status"]["conditions"] = [{**PROGRESSING, "status": "False", "message": "has timed out progressing"}]
    told = observe.rollout(live, [])
    assert (told.status, told.reason, told.message) == (FALSE, "RolloutStalled", "has timed out progressing")


# The routers


def test_one_router_that_is_ready_is_enough() -> None:
    """Somebody answers Meta."""
    told = observe.routers(deployment(3, ready=1))
    assert (told.status, told.reason, told.message) == (TRUE, "RouterReady", "1 of 3 routers are ready")


def test_without_one_nobody_answers() -> None:
    """None is ready, none was looked at yet, or there is no Deployment."""
    assert observe.routers(deployment(3, ready=0)).reason == "NoRouterReady"
    live = deployment(3)
    del live["status"]
    assert observe.routers(live).message == "0 of 3 routers are ready"
    told = observe.routers(None)
    assert (told.status, told.reason) == (FALSE, "NoRouter")


# The scheduled tasks

DLQ, CLEANUP = "dlq-processor", "session-cleanup"


def cron(**status: Any) -> Manifest:
    return {"kind": "CronJob", "status": status} if status else {"kind": "CronJob"}


def tasks(*jobs: Manifest, **status: Any) -> Any:
    (task,) = observe.scheduled_tasks({DLQ: cron(**status)}, jobs)
    return task


def test_tasks_that_never_ran() -> None:
    """In their order; one that is not there is not told of."""
    assert observe.scheduled_tasks({CLEANUP: cron(), DLQ: cron()}, []) == [
        {"name": DLQ, "consecutiveFailures": 0},
        {"name": CLEANUP, "consecutiveFailures": 0},
    ]
    assert [task["name"] for task in observe.scheduled_tasks({CLEANUP: cron()}, [])] == [CLEANUP]


def test_what_the_cron_job_says_is_taken_over() -> None:
    """As it is written there."""
    told = tasks(lastScheduleTime="2026-01-01T10:00:00Z", lastSuccessfulTime="2026-01-01T10:00:05Z")
    assert told == {
        "name": DLQ,
        "lastScheduleTime": "2026-01-01T10:00:00Z",
        "lastSuccessfulTime": "2026-01-01T10:00:05Z",
        "consecutiveFailures": 0,
    }


def test_a_run_by_hand_counts_as_any_other() -> None:
    """Its success is the last one, and its failures are failures; runs of the other task are not this one's."""
    success = job("by-hand", DLQ, "Complete", "2026-01-01T11:00:00Z")
    told = tasks(
        success,
        job("before", DLQ, "Failed", "2026-01-01T10:30:00Z"),
        job("after", DLQ, "Failed", "2026-01-01T11:30:00Z"),
        job("again", DLQ, "Failed", "2026-01-01T11:40:00Z"),
        job("running", DLQ),
        job("other", CLEANUP, "Failed", "2026-01-01T11:50:00Z"),
        lastSuccessfulTime="2026-01-01T10:00:00Z",
    )
    assert told == {"name": DLQ, "lastSuccessfulTime": "2026-01-01T11:00:00Z", "consecutiveFailures": 2}


def test_without_any_success_every_failure_counts() -> None:
    """Of a Job without labels nobody knows whose it is."""
    stranger = job("stranger", DLQ, "Failed", "2026-01-01T10:00:00Z")
    del stranger["metadata"]["labels"]
    failures = [job(str(hour), DLQ, "Failed", f"2026-01-01T{hour}:00:00Z") for hour in (10, 11)]
    assert tasks(*failures, stranger)["consecutiveFailures"] == 2


def test_health_of_the_tasks() -> None:
    """Where one fails, it is named, and the way to its log."""
    well, failing = {"name": CLEANUP, "consecutiveFailures": 0}, {"name": DLQ, "consecutiveFailures": 3}
    assert (observe.tasks_healthy([]).status, observe.tasks_healthy([]).reason) == (UNKNOWN, "NoTasks")
    assert (observe.tasks_healthy([well]).status, observe.tasks_healthy([well]).reason) == (TRUE, "Healthy")
    told = observe.tasks_healthy([failing, well])
    assert (told.status, told.reason) == (FALSE, "JobFailed")
    assert told.message == (
        "dlq-processor failed 3 time(s) since its last success "
        "(kubectl get jobs -l app.kubernetes.io/component=dlq-processor, then kubectl logs job/...)"
    )
