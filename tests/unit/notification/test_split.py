"""A notification split into events: how many, in what order, and what each of them carries."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import meta

from webhookcore.notification.event import Event, Kind
from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split

TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def mostly(likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What belongs there, or anything else."""
    return st.one_of(likely, likely, likely, JSON)


ITEM = st.fixed_dictionaries(
    {},
    optional={
        "id": mostly(TEXT),
        "from": mostly(TEXT),
        "from_user_id": mostly(TEXT),
        "recipient_id": mostly(TEXT),
        "type": mostly(st.sampled_from(["text", "audio", "interactive", "button", "image", "reaction"])),
        "status": mostly(TEXT),
        "text": mostly(st.fixed_dictionaries({"body": mostly(TEXT)})),
        "audio": mostly(st.fixed_dictionaries({"voice": mostly(st.booleans())})),
        "interactive": mostly(st.fixed_dictionaries({"list_reply": mostly(st.fixed_dictionaries({"id": JSON}))})),
        "button": mostly(st.fixed_dictionaries({}, optional={"payload": JSON, "text": JSON})),
        "image": mostly(st.fixed_dictionaries({"caption": mostly(TEXT)})),
    },
)
VALUE = st.fixed_dictionaries(
    {},
    optional={
        "messages": mostly(st.lists(mostly(ITEM), max_size=3)),
        "statuses": mostly(st.lists(mostly(ITEM), max_size=3)),
        "contacts": mostly(st.lists(mostly(st.fixed_dictionaries({}, optional={"wa_id": JSON, "user_id": TEXT})))),
        "metadata": mostly(st.fixed_dictionaries({"phone_number_id": mostly(TEXT)})),
        "errors": JSON,
    },
)
CHANGE = st.fixed_dictionaries({"field": mostly(st.just("messages"))}, optional={"value": mostly(VALUE)})
ENTRY = st.fixed_dictionaries(
    {}, optional={"id": JSON, "time": JSON, "changes": mostly(st.lists(mostly(CHANGE), max_size=3))}
)
NOTIFICATION = st.fixed_dictionaries(
    {}, optional={"object": JSON, "entry": mostly(st.lists(mostly(ENTRY), max_size=3))}
)


def split_body(body: bytes) -> list[Event]:
    return split(parse_notification(body), body)


def split_json(notification: object) -> list[Event]:
    return split_body(json.dumps(notification).encode())


def value_of(event: Event) -> dict[str, Any]:
    """What stands in an event's envelope under its only change."""
    [entry] = json.loads(event.body)["entry"]
    [change] = entry["changes"]
    value: dict[str, Any] = change["value"]
    return value


def test_the_only_message_keeps_the_exact_body() -> None:
    """Byte for byte, with its escapes, spaces and order: what the service verifies is what Meta wrote."""
    body = meta.body(meta.text("https://example.com/schön")).replace(b":", b" :  ")
    [event] = split_body(body)
    assert event.kind is Kind.MESSAGE
    assert event.body is body


def test_each_message_is_an_event_in_whatsapps_own_envelope() -> None:
    """Each envelope differs from the notification by the other message and its contact, and by nothing else."""
    first, second = meta.text("ride", "4917011"), meta.text("insurance", "4917022")
    notification = meta.envelope([meta.change(meta.value(messages=[first, second]))])
    notification["entry"][0]["changes"][0]["new_field"] = notification["new_field"] = {"kept": 1.10}
    events = split_json(notification)
    assert [event.kind for event in events] == [Kind.MESSAGE, Kind.MESSAGE]
    for event, message in zip(events, (first, second), strict=True):
        expected = meta.envelope([meta.change(meta.value(messages=[message]))])
        expected["entry"][0]["changes"][0]["new_field"] = expected["new_field"] = {"kept": 1.10}
        assert json.loads(event.body) == expected


def test_numbers_survive_being_cut_out() -> None:
    """Neither 1.10 nor a number that no float holds is rounded in an envelope."""
    around = b'{"entry":[{"id":1.10,"changes":[{"field":"messages","value":{"messages":[%b]}}]}]}'
    items = [b'{"id":"a","n":[1.10,1e999999]}', b'{"id":"b","n":-0}']
    assert [event.body for event in split_body(around % b",".join(items))] == [around % item for item in items]


def test_every_entry_and_change_is_read_in_order() -> None:
    """Messages before statuses inside a change; changes and entries as they come; each with its own entry's fields."""
    notification = meta.envelope(
        [
            meta.change(meta.value(messages=[meta.text("1", id="m1")], statuses=[meta.status(id="s1")])),
            meta.change({"event": "VERIFIED_ACCOUNT"}, "account_update"),
        ],
        [meta.change(meta.value(messages=[meta.text("2", id="m2")], phone_number_id="other"))],
        [meta.change(meta.value(errors=[{"code": 130429}]))],
    )
    notification["entry"][1]["id"] = "another account"
    events = split_json(notification)
    assert [(event.kind, event.message_id) for event in events] == [
        (Kind.MESSAGE, "m1"),
        (Kind.STATUS, "s1"),
        (Kind.OTHER, None),
        (Kind.MESSAGE, "m2"),
        (Kind.ERRORS, None),
    ]
    assert [event.field for event in events] == ["messages", "messages", "account_update", "messages", "messages"]
    assert [json.loads(event.body)["entry"][0]["id"] for event in events][2:4] == [
        meta.BUSINESS_ACCOUNT,
        "another account",
    ]
    assert value_of(events[2]) == {"event": "VERIFIED_ACCOUNT"}
    assert value_of(events[3])["metadata"]["phone_number_id"] == "other"
    assert value_of(events[4])["errors"] == [{"code": 130429}]


@pytest.mark.parametrize("field", ["history", "message_echoes", "smb_message_echoes", "calls", "", "Messages"])
def test_a_change_of_another_field_is_one_event_and_no_live_message(field: str) -> None:
    """An echo or a history holds messages, but nobody has just sent them."""
    body = meta.encode(meta.envelope([meta.change(meta.value(messages=[meta.text("ride"), meta.text("taxi")]), field)]))
    [event] = split_body(body)
    assert (event.kind, event.field, event.sender, event.text, event.message_id) == (Kind.OTHER, field, "", "", None)
    assert event.body == body


def test_a_change_of_errors_only_is_one_event() -> None:
    """Errors beside messages ride along with each of them instead."""
    [event] = split_body(meta.errors_body())
    assert event.kind is Kind.ERRORS
    both = meta.value(messages=[meta.text("1"), meta.text("2")], errors=[{"code": 1}])
    events = split_json(meta.envelope([meta.change(both)]))
    assert [event.kind for event in events] == [Kind.MESSAGE, Kind.MESSAGE]
    assert [value_of(event)["errors"] for event in events] == [[{"code": 1}]] * 2


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"messaging_product": "whatsapp"},
        {"messages": []},
        {"messages": None, "statuses": []},
        {"messages": "text"},
        {"messages": {"id": "1", "type": "text"}},
        {"messages": [1]},
        {"messages": [None, [], {}, "text"]},
        {"statuses": True},
        None,
        [],
        "text",
    ],
)
def test_a_live_change_without_a_readable_message_is_one_other_event(value: object) -> None:
    """Kept as it is, counted, and never taken for a message."""
    body = json.dumps(meta.envelope([{"field": "messages", "value": value}])).encode()
    [event] = split_body(body)
    assert event.kind is Kind.OTHER
    assert event.body == body


@pytest.mark.parametrize(
    "notification",
    [
        {},
        {"entry": None},
        {"entry": []},
        {"entry": {"changes": []}},
        {"entry": "text"},
        {"entry": [1, None]},
        {"entry": [{}]},
        {"entry": [{"id": "1"}]},
        {"entry": [{"id": "1", "changes": {}}]},
        {"entry": [{"changes": [1, "text", {}]}]},
        {"entry": [{"changes": [{"value": {"messages": [{"id": "1"}]}}]}]},
        {"object": "page", "entry": [{"id": "1", "messaging": [{"text": "hi"}]}]},
    ],
)
def test_a_notification_of_another_shape_is_one_other_event(notification: object) -> None:
    """Never refused, never lost, never empty: the body is kept as it came."""
    body = json.dumps(notification).encode()
    [event] = split_body(body)
    assert (event.kind, event.body) == (Kind.OTHER, body)


def test_what_is_odd_costs_its_neighbours_nothing() -> None:
    """Readable messages stay messages; all that is odd in one place is one event there."""
    notification: dict[str, Any] = {
        "object": "whatsapp_business_account",
        "entry": [
            "odd entry",
            {
                "id": "1",
                "changes": [
                    "odd change",
                    {"field": "messages", "value": {"messages": ["odd", {"id": "m"}, {}, 7], "statuses": {"id": "s"}}},
                    None,
                ],
            },
            None,
            {"id": "2", "other": True},
        ],
    }
    events = split_json(notification)
    whole = {"object": "whatsapp_business_account"}
    assert [(event.kind, json.loads(event.body)) for event in events] == [
        (Kind.MESSAGE, whole | {"entry": [around("1", {"messages": [{"id": "m"}]})]}),
        (Kind.OTHER, whole | {"entry": [around("1", {"messages": ["odd", {}, 7]})]}),
        (Kind.OTHER, whole | {"entry": [around("1", {"statuses": {"id": "s"}})]}),
        (Kind.OTHER, whole | {"entry": [{"id": "1", "changes": ["odd change", None]}]}),
        (Kind.OTHER, whole | {"entry": [{"id": "2", "other": True}]}),
        (Kind.OTHER, whole | {"entry": ["odd entry", None]}),
    ]
    assert len({event.dedupe_key for event in events}) == len(events)


def around(entry: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": entry, "changes": [{"field": "messages", "value": value}]}


def test_a_batch_of_a_thousand_is_a_thousand_events() -> None:
    """Each message once, in order, each with a key of its own and its own sender's contact."""
    messages = [meta.text(f"number {n}", f"49170{n}", id=f"m{n}") for n in range(1000)]
    events = split_body(meta.body(*messages))
    assert [event.message_id for event in events] == [f"m{n}" for n in range(1000)]
    assert len({event.dedupe_key for event in events}) == 1000
    for event, message in zip(events, messages, strict=True):
        value = value_of(event)
        assert value["messages"] == [message]
        assert [contact["wa_id"] for contact in value["contacts"]] == [message["from"]]


@given(JSON.filter(lambda value: isinstance(value, dict)) | NOTIFICATION)
def test_any_object_is_split_into_sound_events(notification: dict[str, Any]) -> None:
    """Nothing is refused, and whatever comes out fits the database and the headers."""
    events = split_json(notification)
    assert events
    for event in events:
        assert len(event.dedupe_key) == 32
        assert 0 < len(event.idempotency_key) <= 256
        assert all("!" <= character <= "~" for character in event.idempotency_key)
        assert isinstance(json.loads(event.body), dict)
        assert event.kind is Kind.MESSAGE or not (event.text or event.reply_id or event.message_type)
        assert event.message_id != ""
        for text in (event.field, event.message_id or "", event.sender, event.message_type, event.reply_id):
            assert len(text) <= 512
            assert "\0" not in text
            text.encode()
        for text in (event.text, event.reply_title):
            assert len(text) <= 4096
            assert "\0" not in text
            text.encode()


@given(NOTIFICATION)
def test_no_message_is_lost_or_doubled(notification: dict[str, Any]) -> None:
    """The messages and statuses of the notification are those of its events, each in one event."""
    events = split_json(notification)
    found = Counter(json.dumps(item) for name in ("messages", "statuses") for item in items_of(notification, name))
    cut_out = [event for event in events if event.kind in (Kind.MESSAGE, Kind.STATUS)]
    assert Counter(json.dumps(item) for event in cut_out for item in own_item(event, len(events))) == found


@given(NOTIFICATION)
def test_nothing_that_the_notification_holds_is_in_no_event(notification: dict[str, Any]) -> None:
    """Every piece that stands in a list of entries, changes, messages or statuses reaches some envelope."""
    envelopes = [json.loads(event.body) for event in split_json(notification)]
    for piece in pieces_of(notification):
        assert any(piece in pieces_of(envelope) for envelope in envelopes)


@given(NOTIFICATION)
def test_an_event_split_again_is_itself(notification: dict[str, Any]) -> None:
    """What a service receives is a notification like any other, and the same event: its key too, where it has an id."""
    for event in split_json(notification):
        if event.kind is Kind.OTHER:
            continue
        [again] = split_body(event.body)
        assert (again.kind, again.sender, again.text, again.body) == (event.kind, event.sender, event.text, event.body)
        if event.message_id is not None:
            assert again.dedupe_key == event.dedupe_key


@given(NOTIFICATION)
def test_a_repeat_has_the_same_keys(notification: dict[str, Any]) -> None:
    """Meta repeats a notification in other bytes, perhaps; the keys do not move with spaces or the order of keys."""
    again = json.dumps(notification, indent=1, sort_keys=True).encode()
    assert [event.dedupe_key for event in split_body(again)] == [event.dedupe_key for event in split_json(notification)]


def items_of(notification: dict[str, Any], name: str) -> list[Any]:
    """The readable messages or statuses of a notification, found the slow and plain way."""
    found: list[Any] = []
    entries = notification.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        for change in changes if isinstance(changes, list) else []:
            if isinstance(change, dict) and change.get("field") == "messages" and isinstance(change.get("value"), dict):
                items = change["value"].get(name)
                found += [item for item in items if isinstance(item, dict) and item] if isinstance(items, list) else []
    return found


def own_item(event: Event, events: int) -> list[Any]:
    """The message or status of an event; where it is the only one, its envelope is the whole notification."""
    name = "messages" if event.kind is Kind.MESSAGE else "statuses"
    items = items_of(json.loads(event.body), name)
    assert len(items) == 1
    assert events == 1 or not items_of(json.loads(event.body), "statuses" if name == "messages" else "messages")
    return items


def pieces_of(notification: dict[str, Any]) -> list[Any]:
    """The smallest pieces that an event can be made of."""
    entries = notification.get("entry")
    if not isinstance(entries, list) or not entries:
        return [notification]
    pieces: list[Any] = []
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list) or not changes:
            pieces.append(entry)
            continue
        for change in changes:
            value = change.get("value") if isinstance(change, dict) else None
            if not isinstance(value, dict) or change.get("field") != "messages":
                pieces.append(change)
                continue
            for name in ("messages", "statuses"):
                items = value.get(name)
                pieces += items if isinstance(items, list) else [items] if items else []
            pieces += [change] if not value.get("messages") and not value.get("statuses") else []
    return pieces
