"""When a job is due, as a CronJob that forbids concurrency sees it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from webhookcore_cli.local.schedule import Schedule

EVERY_FIVE = Schedule("*/5 * * * *", "Etc/UTC", timedelta(seconds=200))
NIGHTLY = Schedule("0 2 * * *", "Europe/Berlin", timedelta(hours=1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_next_time_is_after_the_moment_itself() -> None:
    """A moment that is a scheduled time is not its own next time."""
    assert EVERY_FIVE.next_after(at("2025-11-24T19:05")) == at("2025-11-24T19:10")


def test_times_are_those_of_the_time_zone() -> None:
    """Two at night in Berlin is one or midnight in UTC, by the season."""
    assert NIGHTLY.next_after(at("2025-01-10T12:00")) == at("2025-01-11T01:00")
    assert NIGHTLY.next_after(at("2025-07-10T12:00")) == at("2025-07-11T00:00")


def test_an_hour_that_is_skipped_in_spring_still_has_its_run() -> None:
    """30 March 2025 has no 02:00 in Berlin: the run is not left out that night."""
    due = NIGHTLY.next_after(at("2025-03-29T12:00"))
    assert at("2025-03-30T00:00") <= due <= at("2025-03-30T02:00")


def test_nothing_is_due_before_its_time() -> None:
    """Right after a run there is none, and at the very time there is one."""
    last = at("2025-11-24T19:05")
    assert EVERY_FIVE.due(last, at("2025-11-24T19:09:59")) is None
    assert EVERY_FIVE.due(last, at("2025-11-24T19:10")) == at("2025-11-24T19:10")


def test_times_that_passed_while_a_run_was_going_count_as_one() -> None:
    """Forbid: what was missed starts once, and as the latest time."""
    assert EVERY_FIVE.due(at("2025-11-24T19:05"), at("2025-11-24T19:16")) == at("2025-11-24T19:15")


def test_a_time_past_its_starting_deadline_is_given_up() -> None:
    """A machine that slept does not start a run for a time too long ago, but waits for the next one."""
    assert EVERY_FIVE.due(at("2025-11-24T19:05"), at("2025-11-24T19:14")) is None
    assert EVERY_FIVE.due(at("2025-11-24T19:05"), at("2025-11-24T19:13:20")) is None
    assert EVERY_FIVE.due(at("2025-11-24T19:05"), at("2025-11-24T19:13:19")) == at("2025-11-24T19:10")


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_due_lies_after_the_last_run_and_within_the_deadline(passed: int, later: int) -> None:
    """For any two moments."""
    last = at("2025-11-24T00:00") + timedelta(seconds=passed)
    now = last + timedelta(seconds=later)
    due = EVERY_FIVE.due(last, now)
    if due is not None:
        assert last < due <= now
        assert now - due < EVERY_FIVE.starting_deadline
        assert due.minute % 5 == due.second == 0
