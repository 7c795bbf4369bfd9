"""The jobs in a cluster: by hand, by their schedules, and as the resource says."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from tests.cluster.support import notifications
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.live import NAME, Live, live
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.operator import Operator

DLQ, CLEANUP = "dlq-processor", "session-cleanup"


@pytest.fixture(scope="module")
def system(operator: Operator, module_namespaces: Callable[[], Namespace]) -> Live:
    """One router and a service behind it; no CronJob fires by itself."""
    del operator
    return live(module_namespaces())


def run(system: Live, task: str, name: str = "") -> dict[str, Any]:
    """A run that somebody starts by hand: what the last line of its pod says."""
    name = name or f"by-hand-{secrets.token_hex(3)}"
    system.kubectl("create", "job", f"--from=cronjob/{task}", name)
    said: dict[str, Any] = json.loads(system.kubectl.succeeded(name).splitlines()[-1])
    return said


def undelivered(system: Live) -> list[dict[str, Any]]:
    return system.postgres.rows("SELECT * FROM wa_dead_letter_queue WHERE NOT processed ORDER BY created_at")


def due(system: Live) -> None:
    """As if the wait for the next retry were over."""
    system.postgres.rows("UPDATE wa_dead_letter_queue SET next_retry_at = now() WHERE NOT processed")


def cron_job(system: Live, task: str) -> dict[str, Any]:
    spec: dict[str, Any] = system.kubectl.must_get("cronjob", task)["spec"]
    return spec


def task_of(system: Live, name: str) -> dict[str, Any]:
    """What the status says of a scheduled task."""
    tasks = system.kubectl.must_get("wcc", NAME)["status"]["scheduledTasks"]
    return next(task for task in tasks if task["name"] == name)


def settings_of(system: Live, task: str) -> dict[str, Any]:
    """The spec that the task's next run reads."""
    volumes = cron_job(system, task)["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    (name,) = [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]
    text = system.kubectl.must_get("configmap", name)["data"]["webhookcoreconfig.yaml"]
    spec: dict[str, Any] = yaml.safe_load(text)["spec"]
    return spec


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_service_that_is_down_gets_its_message_by_a_run_by_hand(system: Live) -> None:
    """Its message is a dead letter, due in two minutes; a Job made from the CronJob delivers it."""
    system.recorder.stop()
    assert notifications.post(system.url, "is anybody there?").status_code == 200
    (letter,) = eventually(lambda: undelivered(system), "a dead letter")
    assert at(letter["next_retry_at"]) - at(letter["created_at"]) >= timedelta(minutes=1, seconds=50)
    assert run(system, DLQ)["processed"] == 0, "it is not due yet"

    system.recorder.resume()
    due(system)
    result = run(system, DLQ, "retry-now")
    assert result.pop("durationMs") > 0
    wanted = {"success": True, "processed": 1, "successful": 1, "failed": 0, "abandoned": 0}
    assert wanted.items() <= result.items()
    (received,) = system.recorder.received()
    assert received.text() == "is anybody there?"
    assert int(received.headers["x-wa-attempt"]) == letter["attempts"] + 1
    assert received.headers["idempotency-key"] == letter["message_id"]
    assert undelivered(system) == []

    def seen() -> bool:
        task = task_of(system, DLQ)
        return bool(task.get("lastSuccessfulTime")) and task["consecutiveFailures"] == 0

    eventually(seen, "the run in the status")


def test_sessions_end_after_the_time_that_the_resource_names(system: Live) -> None:
    """And delivered dead letters go after its days; the run by hand says which."""
    system.change(sessions={"ttlHours": 5}, cleanup={"dlqRetentionDays": 2})
    system.wait_ready()
    system.postgres.rows(
        "INSERT INTO user_sessions (phone_number, active_service, last_interaction) VALUES"
        " ('491700000004', 'wa-webhook-example', now() - interval '4 hours'),"
        " ('491700000006', 'wa-webhook-example', now() - interval '6 hours')"
    )
    system.postgres.rows(
        "INSERT INTO wa_dead_letter_queue (from_number, payload, processed, processed_at, created_at) VALUES"
        " ('491700000001', '{}', true, now() - interval '1 day', now() - interval '1 day'),"
        " ('491700000003', '{}', true, now() - interval '3 days', now() - interval '3 days')"
    )
    result = run(system, CLEANUP, "clean-up-now")
    assert result["success"] is True
    sessions, dlq = result["sessions"], result["dlq"]
    assert (sessions["deleted"], sessions["ttlHours"]) == (1, 5)
    age = datetime.now(UTC) - at(sessions["cutoffTime"])
    assert timedelta(hours=5) <= age < timedelta(hours=5, minutes=5)
    assert dlq == {"deleted": 1, "retentionDays": 2}
    left = "SELECT count(*) FROM {} WHERE {} IN ('491700000006', '491700000003')"
    assert system.postgres.value(left.format("user_sessions", "phone_number")) == 0
    assert system.postgres.value(left.format("wa_dead_letter_queue", "from_number")) == 0
    assert system.postgres.value("SELECT count(*) FROM user_sessions WHERE active_service IS NOT NULL") == 1


def test_what_the_resource_says_is_what_the_next_run_does(system: Live) -> None:
    """Schedules, time zones and histories are the CronJobs', batch size and retries the run's; no router restarts."""
    routers = system.routers()
    system.change(
        dlq={
            "schedule": "*/7 * * * *",
            "timeZone": "Africa/Kigali",
            "batchSize": 7,
            "maxRetries": 1,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 2,
        },
        cleanup={"schedule": "30 3 * * 1", "timeZone": "Europe/Paris", "abandonedRetentionDays": 9},
    )
    system.wait_ready()
    wanted = {
        "schedule": "*/7 * * * *",
        "timeZone": "Africa/Kigali",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 2,
        "concurrencyPolicy": "Forbid",
        "suspend": True,
    }
    assert wanted.items() <= cron_job(system, DLQ).items()
    wanted = {"schedule": "30 3 * * 1", "timeZone": "Europe/Paris", "suspend": True}
    assert wanted.items() <= cron_job(system, CLEANUP).items()
    assert settings_of(system, DLQ)["dlq"]["batchSize"] == 7
    assert settings_of(system, CLEANUP)["cleanup"]["abandonedRetentionDays"] == 9

    system.recorder.answer(503, "later")
    assert notifications.post(system.url, "nobody takes this").status_code == 200
    eventually(lambda: undelivered(system), "a dead letter")
    due(system)
    result = run(system, DLQ)
    assert (result["processed"], result["failed"], result["abandoned"]) == (1, 1, 1), "one retry and no more"
    system.recorder.answer(200)
    assert run(system, CLEANUP)["abandoned"] == {"deleted": 0, "retentionDays": 9}
    assert system.routers() == routers


def test_suspended_tasks_and_a_suspended_resource(system: Live) -> None:
    """A task is suspended in its CronJob. A suspended resource changes nothing until it is not suspended any more."""
    system.change(dlq={"suspend": False, "schedule": "0 0 1 1 *"})
    eventually(lambda: cron_job(system, DLQ)["suspend"] is False, "it runs again")
    system.change(dlq={"suspend": True})
    eventually(lambda: cron_job(system, DLQ)["suspend"] is True, "it is suspended")

    system.change(suspend=True, dlq={"schedule": "*/9 * * * *"})
    system.becomes("Suspended", "True", "Suspended")
    system.becomes("Ready", "Unknown", "Suspended")
    assert cron_job(system, DLQ)["schedule"] == "0 0 1 1 *"
    assert system.answers(), "what runs keeps running"
    system.change(suspend=False)
    system.wait_ready()
    assert system.becomes("Suspended", "False")
    assert cron_job(system, DLQ)["schedule"] == "*/9 * * * *"


def test_a_run_that_fails(system: Live) -> None:
    """One that will not get better is not tried again; the status counts it, until one succeeds."""
    system.change(dlq={"failedJobsHistoryLimit": 3})
    system.wait_ready()
    made = ("create", "job", f"--from=cronjob/{DLQ}", "fails", "--dry-run=client", "--output=json")
    job = system.kubectl(*made).json()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "WEBHOOKCORE_CONFIG", "value": "/nowhere"}]
    system.kubectl("create", "-f", "-", stdin=json.dumps(job))

    told = system.becomes("ScheduledTasksHealthy", "False", "JobFailed")
    assert f"{DLQ} failed 1 time(s)" in told["message"]
    assert task_of(system, DLQ)["consecutiveFailures"] == 1
    assert len(system.kubectl.all("pods", "batch.kubernetes.io/job-name=fails")) == 1
    assert system.becomes("Ready", "True"), "routers need no job"
    assert run(system, DLQ)["success"] is True
    system.becomes("ScheduledTasksHealthy", "True", "Healthy")
    assert task_of(system, DLQ)["consecutiveFailures"] == 0


def test_a_schedule_fires(system: Live) -> None:
    """Every minute, by Kubernetes itself: the run is in the status, and in the database's job_runs."""
    runs = "SELECT count(*) FROM job_runs WHERE jobname = 'dlq-processor' AND status = 'succeeded'"
    before, since = system.postgres.value(runs), datetime.now(UTC)
    system.change(dlq={"suspend": False, "schedule": "* * * * *"})

    def fired() -> dict[str, Any]:
        task = task_of(system, DLQ)
        assert "lastScheduleTime" in task, task
        assert at(task["lastScheduleTime"]) > since - timedelta(minutes=1), task
        assert at(task["lastSuccessfulTime"]) >= at(task["lastScheduleTime"]), task
        return task

    # Up to a minute until it is due, and a pod's start on a busy machine.
    task = eventually(fired, "a run in status.scheduledTasks", seconds=150, every=1)
    system.change(dlq={"suspend": True})
    assert task["consecutiveFailures"] == 0
    assert system.postgres.value(runs) > before
    owners = [job["metadata"].get("ownerReferences", []) for job in system.kubectl.all("jobs")]
    assert any(owner["kind"] == "CronJob" and owner["name"] == DLQ for each in owners for owner in each)
    assert system.becomes("ScheduledTasksHealthy", "True", "Healthy")
