"""The home menu's content, and whom it is sent to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.router.test_outgoing import delivery

from webhookcore.delivery.outcome import Abandoned, FailureCode
from webhookcore.settings import Home, Route, SettingsError, WebhookCoreSpec
from webhookcore_router.exchange import Outgoing
from webhookcore_router.home_menu import HomeMenu, menu_content

MENU = HomeMenu("https://graph.facebook.com/v23.0", "t0ken", {"type": "text", "text": {"body": "Hi"}})


def route(name: str, **menu: str) -> Route:
    return Route.model_validate({"name": name, "url": f"http://{name}/", **({"menu": menu} if menu else {})})


def event(value: object) -> bytes:
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()


def test_a_list_in_the_order_of_the_config() -> None:
    """Only routes with an entry, each row's id the route's name, a description only where there is one."""
    routes = [
        route("wa-webhook-jobs", key="3", title="Jobs"),
        route("wa-webhook-plain"),
        route("wa-webhook-mobility", key="1", title="Rides", description="Taxi and moto"),
    ]
    assert menu_content(Home(text="Which service?", button="Choose"), routes) == {
        "type": "interactive",
        "interactive": {
            "type": "list",
            "body": {"text": "Which service?"},
            "action": {
                "button": "Choose",
                "sections": [
                    {
                        "rows": [
                            {"id": "wa-webhook-jobs", "title": "Jobs"},
                            {"id": "wa-webhook-mobility", "title": "Rides", "description": "Taxi and moto"},
                        ]
                    }
                ],
            },
        },
    }


def test_a_menu_without_entries_is_its_text() -> None:
    """WhatsApp refuses a list without rows: then the text alone is sent."""
    assert menu_content(Home(text="Nothing here"), [route("a")]) == {"type": "text", "text": {"body": "Nothing here"}}


def spec(graph_api_url: str) -> WebhookCoreSpec:
    ref = {"name": "wa", "key": "k"}
    whatsapp = {"appSecretRef": ref, "verifyTokenRef": ref, "accessTokenRef": ref, "graphApiUrl": graph_api_url}
    return WebhookCoreSpec.model_validate({"whatsapp": whatsapp, "database": {"urlSecretRef": ref}})


def test_from_the_settings() -> None:
    """A slash at the end of the address and what files have around a token do no harm; the token stays out of sight."""
    menu = HomeMenu.of(spec("https://graph.facebook.com/v23.0/"), "t0ken\n")
    request = menu.request(delivery(body=event({"metadata": {"phone_number_id": "1"}, "messages": [{"from": "2"}]})), 1)
    assert isinstance(request, Outgoing)
    assert str(request.url) == "https://graph.facebook.com/v23.0/1/messages"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert "t0ken" not in repr(menu)


def test_an_address_that_cannot_be_used() -> None:
    """What looks like a URL and is none is a setting's error."""
    whatsapp = spec("https://graph.facebook.com/").whatsapp.model_copy(update={"graph_api_url": "http://[::1"})
    with pytest.raises(SettingsError, match="graphApiUrl"):
        HomeMenu.of(spec("https://graph.facebook.com/").model_copy(update={"whatsapp": whatsapp}), "t0ken")


@pytest.mark.parametrize(
    ("message", "addressee"),
    [
        ({"from": "250788123456"}, {"to": "250788123456"}),
        ({"from": "250788123456", "from_user_id": "US.1"}, {"to": "250788123456"}),
        ({"from_user_id": "US.1"}, {"recipient": "US.1"}),
        ({"from": "", "from_user_id": "US.1"}, {"recipient": "US.1"}),
    ],
)
def test_whom_it_is_sent_to(message: dict[str, str], addressee: dict[str, str]) -> None:
    """A number where there is one, as Meta asks for; else the user id."""
    request = MENU.request(delivery(body=event({"metadata": {"phone_number_id": "1"}, "messages": [message]})), 1)
    assert isinstance(request, Outgoing)
    sent = json.loads(request.body)
    assert {key: sent[key] for key in ("to", "recipient") if key in sent} == addressee


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"[" * 100_000,
        b"\xff",
        event(None),
        event({"metadata": {"phone_number_id": "1"}, "messages": []}),
        event({"metadata": {"phone_number_id": "1"}, "messages": [{}]}),
        event({"metadata": {"phone_number_id": "1"}, "messages": ["x"]}),
        event({"metadata": {"phone_number_id": "1"}, "messages": [{"from": 5}]}),
        event({"metadata": {"phone_number_id": 1}, "messages": [{"from": "2"}]}),
        event({"metadata": {"phone_number_id": ""}, "messages": [{"from": "2"}]}),
        event({"metadata": {"phone_number_id": "../1"}, "messages": [{"from": "2"}]}),
        event({"metadata": {"phone_number_id": "\u0661"}, "messages": [{"from": "2"}]}),
        event({"metadata": {}, "messages": [{"from": "2"}]}),
        event({"messages": [{"from": "2"}]}),
    ],
)
def test_an_event_that_names_nobody(body: bytes) -> None:
    """Without a sender or a number to send from there is no menu, and never will be; no id gets into the URL unread."""
    result = MENU.request(delivery(body=body), 1)
    assert isinstance(result, Abandoned)
    assert result.code is FailureCode.PROTOCOL


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["metadata", "phone_number_id", "messages", "from", "from_user_id"]), inner
            )
        ),
    )
)
def test_nothing_in_an_event_raises(value: object) -> None:
    """Whatever an event holds, there is a request or a reason."""
    assert isinstance(MENU.request(delivery(body=event(value)), 1), Outgoing | Abandoned)
