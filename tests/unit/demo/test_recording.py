"""The recorded day: made by its script to the byte, full of everything, and about nobody who exists."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from demo.commands import last_document
from demo.day import RECORDING, Expected, read, since_midnight, write
from demo.reading import items
from demo.recording.__main__ import record

from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split

DAY = read(RECORDING)
FICTION = re.compile(r"120255501\d\d|336399800\d\d|9995550\d{3}|999\d*|120363999999")


def test_the_script_makes_the_recording_to_the_byte(tmp_path: Path) -> None:
    """Whoever changes the script or the recording changes both."""
    write(tmp_path / "day.jsonl", record())
    assert RECORDING.read_bytes() == (tmp_path / "day.jsonl").read_bytes()


def test_the_day_is_realistic() -> None:
    """A few hundred notifications from tens of people, batches, and every kind of decision there is to be made."""
    assert 400 < len(DAY) < 800
    senders = {item.lane_of for each in DAY for item in items(each.body) if item.message_id}
    assert len(senders) > 60
    assert max(len(each.expected) for each in DAY) > 30
    reasons = Counter(expected.reason for each in DAY for expected in each.expected)
    wanted = {"media", "home", "menu_key", "keyword", "reply_id", "keyword_in_text", "state_prefix", "session"}
    assert wanted | {"fallback", "status", "counted", "duplicate"} == set(reasons)
    types = {item.content.get("type") for each in DAY for item in items(each.body) if item.message_id}
    assert {"text", "image", "audio", "video", "document", "sticker", "location", "reaction", "system"} <= types
    assert {"unsupported", "interactive", "button", "contacts", "order", "kind_of_tomorrow"} <= types
    states = {item.content["status"] for each in DAY for item in items(each.body) if "status" in str(item.identity)[:6]}
    assert states == {"sent", "delivered", "read", "failed"}


def test_every_number_is_fiction() -> None:
    """Nobody's phone rings: only ranges that are kept for fiction, and a country code that no country has."""
    for notification in DAY:
        for item in items(notification.body):
            for name in ("from", "recipient_id", "recipient_participant_id", "wa_id"):
                number = item.content.get(name) if isinstance(item.content, dict) else None
                assert number is None or FICTION.fullmatch(number), number


def test_the_demo_reads_what_the_system_splits() -> None:
    """Two readings that know nothing of each other find the same events in the same order."""
    for notification in DAY:
        read_here = items(notification.body)
        split_there = split(parse_notification(notification.body), notification.body)
        assert [item.message_id or "" for item in read_here] == [
            event.message_id or "" if event.kind == "message" else "" for event in split_there
        ]
        assert [item.lane_of for item in read_here] == [event.sender for event in split_there]
        assert len(notification.expected) in (len(read_here), 0)


def test_odd_bodies_are_kept_as_bytes() -> None:
    """What an editor might mend stands in the recording as base64."""
    lines = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    odd = [read(RECORDING)[number].body for number, line in enumerate(lines) if "base64" in line]
    assert any(b"\\u0000" in body for body in odd)
    assert any(b'\\ud83d"' in body for body in odd)
    assert any(b"1e999999" in body for body in odd)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"at":"25:00","note":"","body":"","expect":[]}', '{"at":"06:00","note":"","base64":"*","expect":[]}'],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """A recording of somebody's own that is broken is refused with the place."""
    path = tmp_path / "broken.jsonl"
    path.write_text(f"{RECORDING.read_text().splitlines()[0]}\n{line}\n")
    with pytest.raises(ValueError, match=r"broken\.jsonl, line 2: "):
        read(path)


def test_a_day_can_be_cut_short() -> None:
    """Up to a time of day, not including it."""
    short = read(RECORDING, since_midnight("07:00"))
    assert [each.number for each in short] == [each.number for each in DAY if each.at < since_midnight("07:00")]
    assert 0 < len(short) < len(DAY)


def test_what_is_to_be_delivered() -> None:
    """Repeats, counted events and poison are not."""
    assert Expected("wa-webhook-jobs", "keyword").to_deliver
    assert not Expected("wa-webhook-jobs", "duplicate").to_deliver
    assert not Expected("wa-webhook-jobs", "keyword", abandoned=True).to_deliver
    assert not Expected(None, "counted").to_deliver


@pytest.mark.parametrize(
    ("printed", "document"),
    [
        ("", {}),
        ("no JSON at all", {}),
        ('{"event": "A"}\n{"success": true}\n', {"success": True}),
        ('{"event": "A"}\n{\n  "requeued": 2\n}\n', {"requeued": 2}),
        ('{broken\n{"success": false}', {"success": False}),
    ],
)
def test_the_last_document_of_an_output_is_the_result(printed: str, document: dict[str, object]) -> None:
    """Events come before it, one a line; the result may stand on several."""
    assert document == last_document(printed)
