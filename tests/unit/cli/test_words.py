"""How commands read and show numbers, moments, results and messages."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore_cli import moments, output, whatsapp_message
from webhookcore_cli.local.scheduled_job import outcome, summary
from webhookcore_cli.masking import masked
from webhookcore_cli.trouble import EXIT_USAGE, TroubleError

NOW = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("491701234567", "4917••••••67"),
        ("1234567890", "1234••••90"),
        ("1234567", "1••••67"),
        ("123456", "••••56"),
        ("12345", "•••••"),
        ("", ""),
    ],
)
def test_a_masked_number_keeps_its_length_and_hides_its_middle(number: str, expected: str) -> None:
    """Of a short one less is shown: never are fewer than four characters hidden."""
    assert masked(number) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        (" 7d ", NOW - timedelta(days=7)),
        ("2025-11-24T19:00", NOW),
        ("2025-11-24T20:00+01:00", NOW),
        ("2025-11-24", datetime(2025, 11, 24, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_people_type_them(given: str, expected: datetime) -> None:
    """ISO 8601, or how long ago."""
    assert moments.parse(given, NOW) == expected


@pytest.mark.parametrize("given", ["", "yesterday", "2x", "h", "9999999d", "999999d"])
def test_what_is_no_moment_is_a_usage_error(given: str) -> None:
    """With what would be one."""
    with pytest.raises(TroubleError, match="is no moment: give one such as") as trouble:
        moments.parse(given, NOW)
    assert trouble.value.code == EXIT_USAGE


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, "—"),
        (NOW, "0 s ago"),
        (NOW + timedelta(seconds=59), "in 59 s"),
        (NOW + timedelta(minutes=2), "in 2 min"),
        (NOW - timedelta(hours=5, minutes=59), "5 h ago"),
        (NOW - timedelta(days=3), "3 d ago"),
    ],
)
def test_distances_are_told_in_their_largest_unit(at: datetime | None, expected: str) -> None:
    """For a list; JSON has the moments."""
    assert output.distance(at, NOW) == expected


def test_moments_are_shown_in_utc() -> None:
    """As logs write them, and as JSON does."""
    berlin = datetime.fromisoformat("2025-11-24T20:00:00.5+01:00")
    assert (output.moment(berlin), output.moment(None)) == ("2025-11-24 19:00:00Z", "—")
    assert (output.iso(berlin), output.iso(None)) == ("2025-11-24T19:00:00.500Z", None)


@pytest.mark.parametrize("given", ["491701234567", "+49 170 1234567", "+49 (170) 123-45.67"])
def test_numbers_are_read_as_people_type_them(given: str) -> None:
    """WhatsApp writes digits alone."""
    assert whatsapp_message.phone_number(given) == "491701234567"


@pytest.mark.parametrize("given", ["", "0170123456", "12345", "4917012345678901", "1٢٣٤٦٨٩", "me"])
def test_what_is_no_number_is_a_usage_error(given: str) -> None:
    """Local numbers are none: WhatsApp knows the country's code only."""
    with pytest.raises(TroubleError, match="is no phone number") as trouble:
        whatsapp_message.phone_number(given)
    assert trouble.value.code == EXIT_USAGE


def test_a_notification_is_one_that_the_router_splits_into_its_message() -> None:
    """A text, and a choice from a list."""
    wamid = whatsapp_message.message_id("491701234567", b"unique-12345")
    assert b"491701234567" in base64.b64decode(wamid.removeprefix("wamid."))
    for reply_id in (None, "trip_1"):
        body = whatsapp_message.notification("Ride é", "491701234567", wamid, NOW, reply_id)
        (event,) = split(parse_notification(body), body)
        assert (event.message_id, event.sender, event.body) == (wamid, "491701234567", body)
        assert event.text == ("" if reply_id else "Ride é")
        assert event.reply_id == (reply_id or "")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"processed": 0, "successful": 0, "failed": 0, "durationMs": 12}, "nothing was due (12 ms)"),
        (
            {"processed": 5, "successful": 4, "failed": 1, "abandoned": 1, "parked": 2, "durationMs": 9},
            "4 delivered, 1 failed, 1 abandoned, 2 parked in 9 ms",
        ),
        ({"processed": 0, "parked": 1, "durationMs": 9}, "0 delivered, 0 failed, 1 parked in 9 ms"),
        (
            {"sessions": {"deleted": 42}, "dlq": {"deleted": 15}, "durationMs": 234},
            "42 stale sessions and 15 old dead letters deleted in 234 ms",
        ),
    ],
)
def test_a_jobs_result_is_one_line(result: dict[str, Any], expected: str) -> None:
    """In the words of a person."""
    assert summary(result) == expected
    assert outcome(0, json.dumps(result), "") == expected


@pytest.mark.parametrize(
    ("code", "out", "errors", "expected"),
    [
        (1, '{"success":false,"error":"router not reached"}', "", "failed (exit code 1): router not reached"),
        (1, "", "ImportError: x", "failed (exit code 1): ImportError: x"),
        (78, "no json", "", "failed (exit code 78): it said nothing"),
        (0, "[]", "odd", "failed (exit code 0): odd"),
    ],
)
def test_a_jobs_failure_is_told_with_its_last_words(code: int, out: str, errors: str, expected: str) -> None:
    """From its result, else from what it wrote for people."""
    assert outcome(code, out, errors) == expected
