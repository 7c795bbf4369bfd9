"""The CronJobs and the migration Job: what keeps a run from piling up, hanging or being tried for nothing."""

from typing import Any

import pytest
from tests.unit.operator.render.resources import EVERYTHING, MINIMAL, changed, inputs

from webhookcore_operator.render import Manifest, job_children, migration_job
from webhookcore_workers.result import Exit


def cron_jobs(spec: Any) -> dict[str, Manifest]:
    return {
        child["metadata"]["name"]: child["spec"] for child in job_children(inputs(spec)) if child["kind"] == "CronJob"
    }


@pytest.mark.parametrize("name", ["dlq-processor", "session-cleanup", "migrate"])
def test_failures(name: str) -> None:
    """A drained node's pod is no failure; what will not get better is not tried again; all else is, twice."""
    jobs = {each: spec["jobTemplate"]["spec"] for each, spec in cron_jobs(MINIMAL).items()}
    job = {**jobs, "migrate": migration_job(inputs(MINIMAL))["spec"]}[name]
    assert job["backoffLimit"] == 2
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    ignore, fail = job["podFailurePolicy"]["rules"]
    assert (ignore["action"], ignore["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (fail["action"], fail["onExitCodes"]["values"]) == ("FailJob", [Exit.CONFIGURATION])
    assert fail["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]


def test_schedules() -> None:
    """All that the resource says of the runs."""
    jobs = cron_jobs(EVERYTHING)
    fields = (
        "schedule",
        "timeZone",
        "suspend",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    )
    assert [jobs["dlq-processor"][field] for field in fields] == [
        "*/10 * * * *", "Europe/Paris", False, "Forbid", 200, 1, 10,
    ]  # fmt: skip
    assert [jobs["session-cleanup"][field] for field in fields] == [
        "30 3 * * 1-5", "Africa/Kigali", False, "Forbid", 3600, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("section", ["dlq", "cleanup"])
def test_suspended(section: str) -> None:
    """Each for itself."""
    jobs = cron_jobs(changed(MINIMAL, f"spec.{section}.suspend", True))
    assert [jobs[name]["suspend"] for name in ("dlq-processor", "session-cleanup")] == [
        section == "dlq",
        section == "cleanup",
    ]


def test_deadlines() -> None:
    """A run ends by itself first; its deadline is for one that hangs."""
    jobs = cron_jobs(changed(MINIMAL, "spec.dlq.maxRunSeconds", 100))
    assert jobs["dlq-processor"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 160
    assert jobs["session-cleanup"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600
    assert migration_job(inputs(MINIMAL))["spec"]["activeDeadlineSeconds"] == 3600
    assert "ttlSecondsAfterFinished" not in migration_job(inputs(MINIMAL))["spec"]
