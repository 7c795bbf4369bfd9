"""The CronJobs `dlq-processor` and `session-cleanup`: their names are the same in every namespace."""

from typing import Any, Final

from webhookcore.settings import Cleanup, Dlq
from webhookcore_operator.render import names, pods, runs
from webhookcore_operator.render.inputs import Inputs, Manifest, child
from webhookcore_operator.render.names import Part

CLEANUP_SECONDS: Final = 3600
CLEANUP_HISTORY: Final = 3
GRACE_SECONDS: Final = 30


def dlq_processor(inputs: Inputs, config: str) -> Manifest:
    """Works the dead letter queue off. A run that is more than 200 s late is left to the next one."""
    dlq = inputs.spec.dlq
    url = f"http://{names.internal(inputs.name)}:{names.INTERNAL_PORT}"
    env = ({"name": "WEBHOOKCORE_ROUTER_INTERNAL_URL", "value": url},)
    pod = _pod(inputs, Part.DLQ_PROCESSOR, config, grace_seconds=pods.drain_seconds(inputs), env=env)
    job = runs.job_spec(inputs, pod, seconds=dlq_seconds(dlq))
    return _cron_job(
        inputs,
        Part.DLQ_PROCESSOR,
        dlq,
        job,
        late_seconds=200,
        history=(dlq.successful_jobs_history_limit, dlq.failed_jobs_history_limit),
    )


def dlq_seconds(dlq: Dlq) -> int:
    """How long a run of dlq-processor may take. It stops claiming by itself: this is for one that hangs."""
    return dlq.max_run_seconds + 60


def session_cleanup(inputs: Inputs, config: str) -> Manifest:
    """Cleans up. It may start an hour late: a busy minute at 2 AM must not skip a day."""
    job = runs.job_spec(
        inputs,
        _pod(inputs, Part.SESSION_CLEANUP, config, grace_seconds=GRACE_SECONDS),
        seconds=CLEANUP_SECONDS,
    )
    history = (CLEANUP_HISTORY, CLEANUP_HISTORY)
    return _cron_job(inputs, Part.SESSION_CLEANUP, inputs.spec.cleanup, job, late_seconds=3600, history=history)


def _pod(
    inputs: Inputs, part: Part, config: str, *, grace_seconds: int, env: tuple[dict[str, Any], ...] = ()
) -> pods.Pod:
    return pods.Pod(
        part=part,
        service_account=names.jobs(inputs.name),
        grace_seconds=grace_seconds,
        args=(part.value, "--tolerate-unknown"),
        requests=runs.REQUESTS,
        restart=runs.RESTART,
        config=config,
        env=env,
    )


def _cron_job(
    inputs: Inputs, part: Part, plan: Dlq | Cleanup, job: dict[str, Any], *, late_seconds: int, history: tuple[int, int]
) -> Manifest:
    successful, failed = history
    spec = {
        "schedule": plan.schedule,
        "timeZone": plan.time_zone,
        "suspend": plan.suspend,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": late_seconds,
        "successfulJobsHistoryLimit": successful,
        "failedJobsHistoryLimit": failed,
        "jobTemplate": {"metadata": {"labels": names.labels(inputs.name, part)}, "spec": job},
    }
    return child(inputs, "CronJob", part.value, part, {"spec": spec})
