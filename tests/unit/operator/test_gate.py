"""The migration gate: every step, and what is remembered between them."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.operator.objects import job

from webhookcore_operator.gate import Memory, Step, decide, is_outdated
from webhookcore_operator.render.inputs import Manifest
from webhookcore_operator.render.names import START_ANNOTATION

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
FAILED_AT = NOW - timedelta(seconds=1)


def migration(ended: str = "", at: datetime = FAILED_AT) -> Manifest:
    return job("shop-migrate-new", "migrate", ended, f"{at:%FT%TZ}")


def test_without_a_job_one_is_made() -> None:
    """The first of all, and that of a new image; what was done before is remembered meanwhile."""
    gate = decide("new", Memory(done="old"), None, "", NOW)
    assert (gate.open, gate.step, gate.memory) == (False, Step.CREATE, Memory(done="old"))
    assert (gate.status, gate.reason, gate.again_at) == ("False", "Migrating", None)


def test_a_running_one_is_waited_for() -> None:
    """Its end is an event; what becomes of its pods is none."""
    gate = decide("new", Memory(done="old"), migration(), "", NOW)
    assert (gate.open, gate.step, gate.reason) == (False, Step.NOTHING, "Migrating")
    assert gate.again_at == NOW + timedelta(seconds=10)
    assert gate.message == "the Job shop-migrate-new is running"


def test_one_that_does_not_start_is_told() -> None:
    """Why, and which; before it has ever failed, and after."""
    for memory in (Memory(done="old"), Memory("old", "new", 2, FAILED_AT)):
        gate = decide("new", memory, migration(), "", NOW, stalled="the pod a: ErrImagePull: no such image")
        assert (gate.open, gate.step, gate.reason, gate.memory) == (False, Step.NOTHING, "MigrationStalled", memory)
        assert gate.message == "the Job shop-migrate-new does not start: the pod a: ErrImagePull: no such image"
        assert gate.again_at == NOW + timedelta(seconds=10)


def test_a_job_that_is_about_to_end_is_running() -> None:
    """Its pods are being ended; a condition that is not true says nothing."""
    live = migration()
    live["status"] = {
        "conditions": [
            {"type": "FailureTarget", "status": "True", "lastTransitionTime": "2026-01-01T11:00:00Z"},
            {"type": "Failed", "status": "False", "lastTransitionTime": "2026-01-01T11:00:00Z"},
        ]
    }
    assert decide("new", Memory(), live, "", NOW).reason == "Migrating"


def test_a_success_opens_and_is_remembered() -> None:
    """And failures before it are forgotten."""
    gate = decide("new", Memory("old", "new", 4, FAILED_AT), migration("Complete"), "", NOW)
    assert (gate.open, gate.status, gate.step, gate.memory) == (True, "True", Step.NOTHING, Memory(done="new"))
    assert gate.reason == "Migrated"


def test_it_stays_open_without_the_job() -> None:
    """Anybody may prune it."""
    assert decide("new", Memory(done="new"), None, "", NOW).open


def test_back_to_the_image_before_a_failed_one_opens_at_once() -> None:
    """The database has its schema still."""
    gate = decide("old", Memory("old", "new", 2, FAILED_AT), None, "", NOW)
    assert (gate.open, gate.memory) == (True, Memory(done="old"))


def test_a_failure_is_told_with_the_way_to_its_log() -> None:
    """The Job stays to be looked at."""
    gate = decide("new", Memory(done="old"), migration("Failed"), "no route to host", NOW)
    assert (gate.open, gate.step, gate.reason) == (False, Step.NOTHING, "MigrationFailed")
    assert gate.memory == Memory("old", "new", 1, FAILED_AT)
    assert gate.message == (
        "the migration failed 1 time(s), last at 2026-01-01T11:59:59Z; it said: no route to host "
        "(kubectl logs job/shop-migrate-new)"
    )


def test_a_failure_is_counted_once() -> None:
    """However often it is looked at; the next one has another time."""
    first = decide("new", Memory(), migration("Failed"), "", NOW).memory
    assert decide("new", first, migration("Failed"), "", NOW).memory == first
    later = FAILED_AT + timedelta(minutes=1)
    assert decide("new", first, migration("Failed", later), "", NOW).memory == Memory("", "new", 2, later)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (2000, 10)])
def test_the_next_try_is_due_later_and_later(failures: int, minutes: int) -> None:
    """Up to ten minutes; with the Job there or gone."""
    memory = Memory("old", "new", failures, FAILED_AT)
    due = FAILED_AT + timedelta(minutes=minutes)
    for live in (migration("Failed"), None):
        before = decide("new", memory, live, "", due - timedelta(seconds=1))
        assert (before.step, before.reason, before.again_at) == (Step.NOTHING, "MigrationFailed", due)
        assert before.memory == memory
    assert decide("new", memory, migration("Failed"), "", due).step is Step.DELETE
    assert decide("new", memory, None, "", due).step is Step.CREATE


def test_a_failed_job_that_is_due_is_looked_at_again_when_it_is_gone() -> None:
    """Deleting is no event of its own while finalizers run."""
    gate = decide("new", Memory("", "new", 1, FAILED_AT), migration("Failed"), "", NOW + timedelta(hours=1))
    assert gate.again_at == NOW + timedelta(hours=1, seconds=2)


@pytest.mark.parametrize("live", [None, migration()], ids=["being made", "running"])
def test_a_retry_is_a_failure_still(live: Manifest | None) -> None:
    """Ready must not become true for the time of each try."""
    gate = decide("new", Memory("old", "new", 3, FAILED_AT), live, "", NOW + timedelta(hours=1))
    assert (gate.open, gate.reason) == (False, "MigrationFailed")
    assert gate.message.startswith("the migration failed 3 time(s), last at 2026-01-01T11:59:59Z (it is tried again): ")


def test_what_changed_is_tried_at_once() -> None:
    """Another image or database is another hash: its first try waits for no failures of others, and counts none."""
    memory = Memory("old", "bad", 5, FAILED_AT)
    gate = decide("new", memory, None, "", NOW)
    assert (gate.step, gate.reason) == (Step.CREATE, "Migrating")
    assert decide("new", memory, migration("Failed"), "", NOW).memory == Memory("old", "new", 1, FAILED_AT)


def test_a_memory_without_a_time_is_due() -> None:
    """A status that somebody wrote by hand."""
    assert decide("new", Memory(failed="new", failures=1), None, "", NOW).step is Step.CREATE


def test_one_that_cannot_start_and_would_be_made_otherwise_is_made_anew() -> None:
    """Its name does not change with the Secrets that its image is pulled with: whoever mends them waits for nothing.
    One that starts is left alone.
    """
    stalled = decide("new", Memory(done="old"), migration(), "", NOW, stalled="ErrImagePull", outdated=True)
    assert (stalled.open, stalled.step, stalled.reason) == (False, Step.DELETE, "Migrating")
    assert stalled.again_at is not None
    assert stalled.again_at > NOW
    running = decide("new", Memory(done="old"), migration(), "", NOW, outdated=True)
    assert (running.step, running.reason) == (Step.NOTHING, "Migrating")


def test_one_that_somebody_suspended_is_told() -> None:
    """Its deadline does not run while it is. It is left to whoever did that: a queue lets it go when it is its turn."""
    job = migration()
    job["spec"]["suspend"] = True
    told = decide("new", Memory(), job, "", NOW)
    assert (told.step, told.reason) == (Step.NOTHING, "MigrationStalled")
    assert told.message == "the Job shop-migrate-new does not start: somebody has suspended it"
    ended = migration("Complete")
    ended["spec"]["suspend"] = True
    assert decide("new", Memory(), ended, "", NOW).open


def test_what_a_name_leaves_out() -> None:
    """How it was to start when the Job was made, whatever has become of it."""
    then, now = ({"metadata": {"annotations": {START_ANNOTATION: value}}} for value in "ab")
    assert is_outdated(then, now)
    assert not is_outdated(now, {**now, "spec": {"changed": "by an admission controller"}})
    assert is_outdated({"metadata": {}}, now)
