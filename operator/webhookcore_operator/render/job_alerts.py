"""The alerts of a job that was due three times in a row, and never came through."""

from datetime import timedelta
from typing import Any, Final

from webhookcore_operator.render import jobs, names
from webhookcore_operator.render.inputs import Inputs
from webhookcore_operator.render.names import Part
from webhookcore_operator.render.periods import longest_gap
from webhookcore_operator.render.promql import alert, equals, series

RUNS: Final = 3
LAST_SUCCESS: Final = "webhookcore_job_last_success_timestamp_seconds"


def job_alerts(inputs: Inputs) -> list[dict[str, Any]]:
    """Both jobs' rules. A suspended job misses nothing."""
    wanted = {
        Part.DLQ_PROCESSOR: not inputs.spec.dlq.suspend,
        Part.SESSION_CLEANUP: not inputs.spec.cleanup.suspend,
    }
    return [rule for part, runs in wanted.items() if runs for rule in _rules(inputs, part)]


def missed_seconds(inputs: Inputs, part: Part) -> int:
    """How long after a success three runs have been due, the last of them with all its time to come through."""
    spec = inputs.spec
    if part is Part.DLQ_PROCESSOR:
        schedule, lasts = spec.dlq.schedule, jobs.dlq_seconds(spec.dlq)
    else:
        schedule, lasts = spec.cleanup.schedule, jobs.CLEANUP_SECONDS
    gap = longest_gap(schedule)
    return int((RUNS * gap + timedelta(seconds=lasts)).total_seconds())


def _rules(inputs: Inputs, part: Part) -> list[dict[str, Any]]:
    missed = missed_seconds(inputs, part)
    # Where Prometheus is not told to keep it, a metric's own label `job` is renamed.
    kept = series(inputs.owner, LAST_SUCCESS, equals("job", part))
    renamed = series(inputs.owner, LAST_SUCCESS, equals("exported_job", part))
    depth = series(inputs.owner, "webhookcore_inbox_depth")
    look = f"Look at its last Jobs (`kubectl get jobs -l {names.LABEL_COMPONENT}={part}`) and at their pods' logs."
    return [
        alert(
            "WebhookCoreJobFailing",
            f"time() - max({kept} or {renamed}) > {missed}",
            f"{part} has not succeeded for {RUNS} runs",
            f"Its last success was {{{{ $value | humanizeDuration }}}} ago. {look}",
            lasting="1m",
            job_name=part.value,
        ),
        alert(
            "WebhookCoreJobNeverSucceeded",
            f"absent({kept} or {renamed}) and on () count({depth}) > 0",
            f"{part} has never succeeded",
            f"{RUNS} runs were due and none came through. {look}",
            lasting=f"{missed}s",
            job_name=part.value,
        ),
    ]
