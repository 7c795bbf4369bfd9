"""Envelopes of notifications with many events: whose contact goes with whom, and how much is repeated."""

import json
from typing import Any

import pytest
from tests.support import meta

from webhookcore.notification.envelope import REPEATED_LIMIT
from webhookcore.notification.event import Event, Kind
from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split


def events_of(value: dict[str, Any], **more: Any) -> list[Event]:
    body = json.dumps({**meta.envelope([meta.change(value)]), **more}, separators=(",", ":")).encode()
    return split(parse_notification(body), body)


def contacts_of(value: dict[str, Any]) -> list[Any]:
    """The contacts of each event's envelope; None where there are none."""
    return [json.loads(event.body)["entry"][0]["changes"][0]["value"].get("contacts") for event in events_of(value)]


ADA = {"wa_id": "1", "profile": {"name": "Ada"}}
BEN = {"wa_id": "2", "user_id": "US.2"}
CLEO = {"user_id": "US.3", "profile": {"username": "@cleo"}}


def test_a_contact_goes_with_its_own_messages() -> None:
    """By number or by user id; a service does not learn about the senders of another."""
    messages = [
        {"id": "a", "from": "1"},
        {"id": "b", "from_user_id": "US.3"},
        {"id": "c", "from": "2", "from_user_id": "US.2"},
        {"id": "d", "from": "1"},
    ]
    value = {"contacts": [ADA, BEN, CLEO], "messages": messages}
    assert contacts_of(value) == [[ADA], [CLEO], [BEN], [ADA]]


def test_a_contact_goes_with_its_own_statuses() -> None:
    """Statuses name a recipient, and in groups a participant."""
    statuses = [
        {"id": "a", "recipient_id": "1"},
        {"id": "b", "recipient_user_id": "US.3"},
        {"id": "c", "recipient_id": "group", "recipient_participant_id": "2"},
    ]
    assert contacts_of({"contacts": [ADA, BEN, CLEO], "statuses": statuses}) == [[ADA], [CLEO], [BEN]]


def test_contacts_that_nobody_names_go_with_whoever_has_none() -> None:
    """They cannot be told apart: all of them, rather than none."""
    value = {
        "contacts": [ADA, BEN, "odd", {}],
        "messages": [{"id": "a", "from": "1"}, {"id": "b", "from": "9"}, {"id": "c"}],
    }
    assert contacts_of(value) == [[ADA], [BEN, "odd", {}], [BEN, "odd", {}]]


def test_contacts_that_nobody_names_are_kept_where_all_have_their_own() -> None:
    """With each of them: what Meta sent is in one envelope at least."""
    value = {"contacts": [ADA, CLEO, BEN], "messages": [{"id": "a", "from": "1"}, {"id": "b", "from": "2"}]}
    assert contacts_of(value) == [[ADA, CLEO], [BEN, CLEO]]


def test_a_contact_that_is_listed_twice_is_kept_once() -> None:
    """Meta may list a sender's contact beside each of their messages; another profile of theirs is kept too."""
    renamed = {**ADA, "profile": {"name": "Ada L."}}
    value = {"contacts": [ADA, ADA, renamed, ADA], "messages": [{"id": "a", "from": "1"}, {"id": "b", "from": "1"}]}
    assert contacts_of(value) == [[ADA, renamed]] * 2


@pytest.mark.parametrize("contacts", [None, "odd", {"wa_id": "1"}])
def test_contacts_of_another_shape_are_kept_as_they_are(contacts: object) -> None:
    """Like everything else that surrounds a message."""
    assert contacts_of({"contacts": contacts, "messages": [{"id": "a"}, {"id": "b"}]}) == [contacts] * 2


def test_no_contacts_are_none() -> None:
    """An empty list says no more than no list."""
    assert contacts_of({"contacts": [], "messages": [{"id": "a"}, {"id": "b"}]}) == [None] * 2


LARGE = "x" * 100_000
MANY = [{"id": str(n), "from": "1"} for n in range(1000)]


@pytest.mark.parametrize(
    ("value", "more"),
    [
        ({"messages": MANY, "large": LARGE}, {}),
        ({"messages": MANY, "contacts": [{"wa_id": "1", "large": LARGE}]}, {}),
        ({"messages": MANY, "contacts": [{"large": LARGE}]}, {}),
        ({"messages": MANY}, {"large": LARGE}),
    ],
)
def test_a_large_surrounding_of_many_messages_is_not_repeated(value: dict[str, Any], more: dict[str, Any]) -> None:
    """Each message keeps what it takes to know whose it is; the whole is kept once, so that nothing is lost."""
    metadata = {"display_phone_number": "15550783881", "phone_number_id": "1065", "verbose": LARGE}
    *messages, whole = events_of({"messaging_product": "whatsapp", "metadata": metadata, **value}, **more)
    assert [event.message_id for event in messages] == [message["id"] for message in MANY]
    assert sum(len(event.body) for event in messages) <= REPEATED_LIMIT
    envelope = json.loads(messages[0].body)
    assert (envelope["object"], envelope["entry"][0]["id"]) == ("whatsapp_business_account", meta.BUSINESS_ACCOUNT)
    assert envelope["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] == "1065"
    assert (whole.kind, whole.field) == (Kind.OTHER, "")
    assert json.loads(whole.body)["entry"][0]["changes"][0]["value"]["messages"] == MANY
    assert len({event.dedupe_key for event in [*messages, whole]}) == 1001


def test_essentials_that_are_none_are_left_out() -> None:
    """Only short texts and numbers are repeated where there is no room, whatever stands under their names."""
    *messages, whole = events_of({"messages": MANY, "messaging_product": LARGE, "metadata": "odd", "time": [LARGE]})
    assert json.loads(messages[0].body)["entry"][0]["changes"][0]["value"] == {"messages": [MANY[0]]}
    assert whole.kind is Kind.OTHER


def test_one_senders_contacts_are_bounded() -> None:
    """Thousands of different contacts of one sender do not multiply with thousands of messages; the body holds them."""
    value = {"messages": MANY, "contacts": [{"wa_id": "1", "n": n} for n in range(1000)]}
    *of_messages, whole = events_of(value)
    assert {len(contacts) for contacts in contacts_of(value)[:-1]} == {4}
    assert len(of_messages) == len(MANY)
    assert (whole.kind, len(json.loads(whole.body)["entry"][0]["changes"][0]["value"]["contacts"])) == (
        Kind.OTHER,
        1000,
    )
