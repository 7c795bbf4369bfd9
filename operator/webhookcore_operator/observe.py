"""What the children say of themselves: the rollout, the routers, the scheduled tasks. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from webhookcore_operator import scale
from webhookcore_operator.conditions import FALSE, ROLLING_OUT, TRUE, UNKNOWN, Condition, Type
from webhookcore_operator.live import true_condition
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import LABEL_COMPONENT, Part

TASKS: Final = (Part.DLQ_PROCESSOR, Part.SESSION_CLEANUP)
_BROKEN: Final = frozenset({
    "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ErrImagePull",
    "ImageInspectError", "ImagePullBackOff", "InvalidImageName", "RunContainerError",
})  # fmt: skip
"""Why a container waits, where waiting does not help."""
_AGAIN_AND_AGAIN: Final = 2
_TO_BE_PLACED: Final = timedelta(seconds=30)
"""For a pod to be made and to get a node. A node that has to be started first takes longer: that is told meanwhile."""


def rollout(deployment: Manifest, pods: Iterable[Manifest]) -> Condition:
    """Whether the routers are what was applied. `pods` are the routers', looked at while a rollout is under way."""
    if scale.settled(deployment):
        return Condition(Type.SPEC_APPLIED, TRUE, "Applied", "what runs is what the spec says")
    words = broken(pods)
    progress = _conditions(deployment).get("Progressing") or {}
    if failure := true_condition(deployment, "ReplicaFailure"):
        return Condition(Type.SPEC_APPLIED, FALSE, "RolloutStalled", f"pods cannot be made: {failure.get('message')}")
    if words:
        return Condition(Type.SPEC_APPLIED, FALSE, "RolloutStalled", words)
    if progress.get("status") == FALSE:
        return Condition(Type.SPEC_APPLIED, FALSE, "RolloutStalled", str(progress.get("message")))
    status = deployment.get("status") or {}
    done, wanted = status.get("updatedReplicas", 0), deployment["spec"].get("replicas", 1)
    return Condition(Type.SPEC_APPLIED, FALSE, ROLLING_OUT, f"{done} of {wanted} routers are new; waiting for the rest")


def broken(pods: Iterable[Manifest]) -> str:
    """Why some of them cannot start, or nothing."""
    return "; ".join(sorted(words for pod in pods if (words := _broken(pod)))[:3])


def _conditions(live: Manifest) -> Mapping[str, dict[str, Any]]:
    return {each["type"]: each for each in (live.get("status") or {}).get("conditions") or ()}


def _broken(pod: Manifest) -> str:
    """Why it cannot start, or nothing. One that is being deleted need not."""
    if pod["metadata"].get("deletionTimestamp"):
        return ""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        if reason not in _BROKEN and _ends_again_and_again(container):
            reason = "CrashLoopBackOff"  # as it was a moment ago, and will be in a moment
        if reason in _BROKEN:
            ended = _last_end(container)
            said = (ended.get("message") or waiting.get("message") or "").strip()
            return _told(pod, reason, said)
    return ""


def _ends_again_and_again(container: Mapping[str, Any]) -> bool:
    """Also while it runs for the moment, or has just ended: a rollout is not stalled by turns. Once is an accident."""
    return (
        not container.get("ready")
        and container.get("restartCount", 0) >= _AGAIN_AND_AGAIN
        and bool(_last_end(container).get("exitCode"))
    )


def _last_end(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """How it ended last, or nothing."""
    states = (container.get("state") or {}, container.get("lastState") or {})
    return next((state["terminated"] for state in states if state.get("terminated")), {})


def unplaced(job: Manifest, pods: Sequence[Manifest], now: datetime) -> str:
    """Why no pod of a Job has begun, where it has had its time; or nothing."""
    made = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    if now - made < _TO_BE_PLACED:
        return ""
    if not pods:
        return f"no pod could be made for it (kubectl describe job/{job['metadata']['name']})"
    return "; ".join(sorted(words for pod in pods if (words := _unscheduled(pod)))[:3])


def _unscheduled(pod: Manifest) -> str:
    scheduled = _conditions(pod).get("PodScheduled") or {}
    if scheduled.get("status") != FALSE or pod["metadata"].get("deletionTimestamp"):
        return ""
    return _told(pod, scheduled.get("reason"), scheduled.get("message"))


def _told(pod: Manifest, reason: object, said: object) -> str:
    """What is the matter with a pod, for a condition."""
    return f"the pod {pod['metadata']['name']}: {reason}: {said}"[:700]


def routers(deployment: Manifest | None) -> Condition:
    """Whether somebody answers Meta."""
    if deployment is None:
        return Condition(Type.ROUTER_AVAILABLE, FALSE, "NoRouter", "there is no router yet")
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    message = f"{ready} of {deployment['spec'].get('replicas', 1)} routers are ready"
    if ready:
        return Condition(Type.ROUTER_AVAILABLE, TRUE, "RouterReady", message)
    return Condition(Type.ROUTER_AVAILABLE, FALSE, "NoRouterReady", message)


def scheduled_tasks(cron_jobs: Mapping[str, Manifest], jobs: Sequence[Manifest]) -> list[dict[str, Any]]:
    """The status's list. Runs that were started by hand count as any other."""
    tasks = []
    for name in TASKS:
        if name not in cron_jobs:
            continue
        told = cron_jobs[name].get("status") or {}
        runs = [job for job in jobs if (job["metadata"].get("labels") or {}).get(LABEL_COMPONENT) == name]
        successes = [job["status"]["completionTime"] for job in runs if _ended(job, "Complete")]
        last = max([*successes, *filter(None, [told.get("lastSuccessfulTime")])], default=None)
        failed = [ended for job in runs if (ended := _ended(job, "Failed"))]
        task = {
            "name": str(name),
            "lastScheduleTime": told.get("lastScheduleTime"),
            "lastSuccessfulTime": last,
            "consecutiveFailures": sum(1 for ended in failed if last is None or ended > last),
        }
        tasks.append({field: value for field, value in task.items() if value is not None})
    return tasks


def _ended(job: Manifest, how: str) -> str:
    """When it ended so, or nothing."""
    condition = true_condition(job, how)
    return str(condition["lastTransitionTime"]) if condition else ""


def tasks_healthy(tasks: Sequence[Mapping[str, Any]]) -> Condition:
    """Whether the last run of each task that ran has succeeded."""
    if not tasks:
        return Condition(Type.SCHEDULED_TASKS_HEALTHY, UNKNOWN, "NoTasks", "there are no CronJobs yet")
    failing = [task for task in tasks if task["consecutiveFailures"]]
    if failing:
        words = "; ".join(
            f"{task['name']} failed {task['consecutiveFailures']} time(s) since its last success (kubectl get jobs "
            f"-l {LABEL_COMPONENT}={task['name']}, then kubectl logs job/...)"
            for task in failing
        )
        return Condition(Type.SCHEDULED_TASKS_HEALTHY, FALSE, "JobFailed", words)
    return Condition(Type.SCHEDULED_TASKS_HEALTHY, TRUE, "Healthy", "no run has failed since the last success")
