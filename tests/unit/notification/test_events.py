"""What is read out of a message or a status: whose it is, what it says, and what makes a repeat a repeat."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import meta

from webhookcore.notification.event import Event, Kind
from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.notification.text import as_text, cleaned, identity

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=700)


def event_of(message: dict[str, Any]) -> Event:
    [event] = events_of(meta.value(messages=[message]))
    return event


def status_of(status: dict[str, Any]) -> Event:
    [event] = events_of(meta.value(statuses=[status]))
    return event


def events_of(*values: dict[str, Any]) -> list[Event]:
    body = json.dumps(meta.envelope([meta.change(value) for value in values])).encode()
    return split(parse_notification(body), body)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (meta.text("I need a taxi"), ("text", "I need a taxi", "", "")),
        (meta.text("  ¿Qué tal? 🚕\n"), ("text", "  ¿Qué tal? 🚕\n", "", "")),
        (meta.list_reply("trip_42", "My ride"), ("interactive", "", "trip_42", "My ride")),
        (meta.button_reply("ins_yes", "Yes"), ("interactive", "", "ins_yes", "Yes")),
        (meta.message("interactive", {"nfm_reply": {"response_json": "{}"}}), ("interactive", "", "", "")),
        (meta.button("ins_renew", "Renew"), ("button", "ins_renew", "", "Renew")),
        (meta.message("button", {"text": "Renew"}), ("button", "Renew", "", "Renew")),
        (meta.image("my policy"), ("image", "my policy", "", "")),
        (meta.image(), ("image", "", "", "")),
        (meta.message("video", {"caption": "look"}), ("video", "look", "", "")),
        (
            meta.message("document", {"caption": "the papers", "filename": "taxi.pdf"}),
            ("document", "the papers", "", ""),
        ),
        (meta.audio(), ("audio", "", "", "")),
        (meta.audio(voice=True), ("voice", "", "", "")),
        (meta.message("audio", {"voice": "true"}), ("audio", "", "", "")),
        (meta.location(), ("location", "", "", "")),
        (meta.reaction(), ("reaction", "", "", "")),
        (meta.system(), ("system", "", "", "")),
        (meta.unsupported(), ("unsupported", "", "", "")),
        (meta.message("text", "no object"), ("text", "", "", "")),
        (meta.message("text", {"body": 42}), ("text", "42", "", "")),
        (meta.message("text", {"body": ["taxi"]}), ("text", "", "", "")),
        (meta.message("interactive", {"list_reply": "odd", "button_reply": {"id": 7}}), ("interactive", "", "7", "")),
        ({"id": "1", "text": {"body": "no type"}}, ("", "", "", "")),
        ({"id": "1", "type": {"odd": True}}, ("", "", "", "")),
    ],
)
def test_what_a_message_says(message: dict[str, Any], said: tuple[str, str, str, str]) -> None:
    """Its type, and at most one text to route by, wherever that type keeps it; a reply has an id and a title."""
    event = event_of(message)
    assert (event.message_type, event.text, event.reply_id, event.reply_title) == said


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (meta.text("hi", "491701234567"), "491701234567"),
        (meta.from_username("hi", "US.123"), "US.123"),
        ({**meta.text("hi", "4917"), "from_user_id": "US.123"}, "4917"),
        ({**meta.text("hi"), "from": ""}, ""),
        ({**meta.text("hi"), "from": None}, ""),
        ({**meta.text("hi"), "from": 491701234567}, "491701234567"),
        ({**meta.from_username("hi", ""), "from": ("4917",)}, ""),
        ({**meta.text("hi"), "from": True}, ""),
    ],
)
def test_the_sender_is_a_number_or_else_a_user_id(message: dict[str, Any], sender: str) -> None:
    """Users with a username have no number; what is neither text nor number is no sender."""
    assert event_of(message).sender == sender


@pytest.mark.parametrize(
    ("status", "recipient"),
    [
        (meta.status(recipient="4917"), "4917"),
        ({"id": "1", "recipient_user_id": "US.123"}, "US.123"),
        (meta.group_status("group-1", "4917"), "group-1"),
        ({"id": "1"}, ""),
    ],
)
def test_a_status_lies_in_its_recipients_lane(status: dict[str, Any], recipient: str) -> None:
    """A group's statuses are one lane."""
    event = status_of(status)
    assert (event.kind, event.sender) == (Kind.STATUS, recipient)
    assert (event.message_type, event.text, event.reply_id) == ("", "", "")


def test_a_message_is_known_by_its_id_and_the_number_it_was_sent_to() -> None:
    """Whatever else Meta changes when it repeats a message; the same id at another number is another message."""
    message = meta.text("hi", id="wamid.1")
    first, repeat = events_of(meta.value(messages=[message]), meta.value(messages=[{**message, "timestamp": "9"}]))
    assert first.dedupe_key == repeat.dedupe_key == hashlib.sha256(b"7:message15:1065403522429227:wamid.1").digest()
    assert first.idempotency_key == first.message_id == "wamid.1"
    [elsewhere] = events_of(meta.value(messages=[message], phone_number_id="2"))
    assert elsewhere.dedupe_key != first.dedupe_key


@pytest.mark.parametrize(
    "change",
    [
        {"id": "wamid.2"},
        {"status": "read"},
        {"timestamp": "1732456801"},
        {"recipient_id": "4918"},
        {"recipient_participant_id": "4917"},
        {"recipient_participant_user_id": "US.1"},
    ],
)
def test_a_status_is_known_by_all_that_tells_statuses_of_a_message_apart(change: dict[str, Any]) -> None:
    """Sent, delivered and read of one message are three events, and so is each participant's in a group."""
    status = meta.status("delivered", id="wamid.1")
    first, repeat = status_of(status), status_of({**status, "pricing": {"billable": False}})
    assert first.dedupe_key == repeat.dedupe_key
    assert first.idempotency_key == first.dedupe_key.hex()
    assert first.message_id == "wamid.1"
    assert status_of({**status, **change}).dedupe_key != first.dedupe_key


def test_a_status_and_a_message_of_one_id_are_two_events() -> None:
    """The kind is part of the key."""
    message, status = events_of(meta.value(messages=[{"id": "1"}]), meta.value(statuses=[{"id": "1"}]))
    assert message.dedupe_key != status.dedupe_key


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    """A number and an id that read the same when joined are told apart."""
    [one] = events_of(meta.value(messages=[{"id": "23"}], phone_number_id="1"))
    [other] = events_of(meta.value(messages=[{"id": "3"}], phone_number_id="12"))
    assert one.dedupe_key != other.dedupe_key


def test_messages_without_an_id_are_all_kept() -> None:
    """Two equal ones of one notification are two events; the notification repeated is the same two."""
    odd = {"from": "4917", "type": "text", "text": {"body": "hi"}}
    value = meta.value(messages=[odd, odd, {**odd, "id": ""}, {**odd, "id": None}], statuses=[{"status": "read"}] * 2)
    events = events_of(value, value)
    keys = [event.dedupe_key for event in events]
    assert len(set(keys)) == len(events) == 12
    assert [event.dedupe_key for event in events_of(value, value)] == keys
    assert {event.kind for event in events} == {Kind.MESSAGE, Kind.STATUS}
    assert {event.message_id for event in events} == {None}
    assert [event.idempotency_key for event in events] == [key.hex() for key in keys]


def test_another_change_is_known_by_its_entry_its_time_and_itself() -> None:
    """The same update at another time, of another account or with another value is another one."""
    changed = [{"id": "1", "time": 1, "changes": [{"field": "account_update", "value": {"event": "A"}}]}]
    keys = set()
    for entry in (
        changed[0],
        {**changed[0], "id": "2"},
        {**changed[0], "time": 2},
        {**changed[0], "changes": [{"field": "account_update", "value": {"event": "B"}}]},
        {**changed[0], "changes": [{"field": "account_alerts", "value": {"event": "A"}}]},
    ):
        body = json.dumps({"entry": [entry]}).encode()
        [event] = split(parse_notification(body), body)
        assert event.idempotency_key == event.dedupe_key.hex()
        keys.add(event.dedupe_key)
    assert len(keys) == 5


@pytest.mark.parametrize("message_id", ["with space", "schön", "a\r\nX-Injected: 1", "a\0", "\ud800", "x" * 257])
def test_an_id_that_fits_no_header_is_replaced_by_the_key(message_id: str) -> None:
    """Idempotency-Key is visible ASCII, at most 256 characters, and still the message's own."""
    event = event_of(meta.text("hi", id=message_id))
    assert event.idempotency_key == event.dedupe_key.hex()
    assert event_of(meta.text("hi", id="x" * 256)).idempotency_key == "x" * 256


def test_texts_are_cut_and_identities_are_not() -> None:
    """A text keeps WhatsApp's 4,096 characters; two long senders that begin alike stay two."""
    assert event_of(meta.text("x" * 5000)).text == "x" * 4096
    one, other = (event_of(meta.text("hi", "9" * 600 + end, id="1")).sender for end in "12")
    assert one != other
    assert len(one) <= 512
    assert one.startswith("9" * 64 + "~")


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (7, "7"), (1.5, "1.5"), (True, ""), (None, ""), ([], ""), ({}, "")]
)
def test_strings_and_numbers_are_texts(value: object, text: str) -> None:
    """Meta writes some ids now as numbers, now as strings."""
    assert as_text(value) == text


@given(ANY_TEXT)
def test_a_cleaned_text_fits_postgres(text: str) -> None:
    """No NUL, no lone surrogate, bounded; a text that fits is not touched."""
    clean = cleaned(text, 100)
    assert len(clean) <= 100
    assert "\0" not in clean
    clean.encode("utf-8")
    assert cleaned(clean, 100) == clean
    assert text[:100] == clean or "\ufffd" in clean


@given(ANY_TEXT, ANY_TEXT)
def test_identities_stay_apart(one: str, other: str) -> None:
    """Cleaning never makes one sender of two."""
    assert (identity(one) == identity(other)) == (one == other)
    assert len(identity(one)) <= 512
    assert "\0" not in identity(one)
    identity(one).encode("utf-8")
