"""What the example services and the example Graph API show, and that they behave as real ones must."""

import io
import json
from typing import Any

import httpx
import pytest
from tests.support import meta

from webhookcore.settings import Route
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.examples import ExampleGraphApi, ExampleServices, describe, describe_menu, loopback_routes
from webhookcore_cli.local.small_http import Request


def request(body: bytes, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "/webhook", {"x-wa-attempt": "1", **named}, body)


def shown(message: meta.Json) -> str:
    return describe(request(meta.body(message)))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (meta.text("ride  to\nthe station"), '← "ride to the station" from 4917••••••67 (attempt 1)'),
        (meta.text("x" * 100), f'← "{"x" * 60}…" from 4917••••••67 (attempt 1)'),
        (meta.list_reply("trip_1", "Trip"), '← interactive "Trip" from 4917••••••67 (attempt 1)'),
        (meta.button_reply("yes", "Yes"), '← interactive "Yes" from 4917••••••67 (attempt 1)'),
        (meta.button("PAY", "Pay"), '← button "PAY" from 4917••••••67 (attempt 1)'),
        (meta.audio(voice=True), "← voice note from 4917••••••67 (attempt 1)"),
        (meta.audio(), "← audio from 4917••••••67 (attempt 1)"),
        (meta.image("my car"), '← image "my car" from 4917••••••67 (attempt 1)'),
        (meta.image(), "← image from 4917••••••67 (attempt 1)"),
        (meta.reaction(), '← reaction "👍" from 4917••••••67 (attempt 1)'),
        (meta.location(), "← location from 4917••••••67 (attempt 1)"),
        (meta.unsupported(), "← unsupported from 4917••••••67 (attempt 1)"),
        (meta.from_username("hi"), '← "hi" from US.1•••••••••••••••••18 (attempt 1)'),
    ],
)
def test_each_kind_of_message_is_one_line_with_a_masked_number(message: meta.Json, expected: str) -> None:
    """What a person sees at the terminal."""
    assert shown(message) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (meta.status_body(meta.status("read")), "← status read from 4917••••••67 (attempt 1)"),
        (meta.other_body("account_update"), "← account_update (attempt 1)"),
        (b"[]", "← 2 bytes (attempt 1)"),
        (b"{", "← 1 bytes (attempt 1)"),
    ],
)
def test_what_is_no_message_is_told_too(body: bytes, expected: str) -> None:
    """Statuses, other changes, and bytes that nobody can read."""
    assert describe(request(body)) == expected


def test_what_led_here_is_told() -> None:
    """A later attempt, a menu's choice, a repeat."""
    told = describe(request(meta.body(meta.text("1")), x_wa_attempt="4", x_menu_selection="1"), repeated=True)
    assert told.endswith("(attempt 4, menu 1, seen before: not done twice)")


def test_examples_stand_in_for_routes_to_this_machine_only() -> None:
    """By port and path; a route elsewhere is a real service's."""
    routes = (
        Route(name="a", url="http://127.0.0.1:9101/webhook"),
        Route(name="b", url="http://localhost:9101/other"),
        Route(name="c", url="http://localhost:9102"),
        Route(name="d", url="https://mobility.example.com/webhook"),
        Route(name="e", url="http://localhost/without-port"),
    )
    found = loopback_routes(routes)
    assert {port: {path: route.name for path, route in by_path.items()} for port, by_path in found.items()} == {
        9101: {"/webhook": "a", "/other": "b"},
        9102: {"/": "c"},
    }


async def test_an_example_service_works_once_per_idempotency_key() -> None:
    """A repeat gets 200 and is told as one; a path of nobody's is 404."""
    out = io.StringIO()
    route = Route(name="wa-webhook-jobs", url="http://127.0.0.1:9103/webhook")
    services = ExampleServices({"/webhook": route}, 0, Console(out))
    async with services.server, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{services.server.port}"
        body = meta.body(meta.text("job"))
        answers = [
            await client.post(f"{url}/webhook", content=body, headers={"Idempotency-Key": "one"}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert (await client.post(f"{url}/elsewhere", content=body)).status_code == 404
    first, second = out.getvalue().splitlines()
    assert "not done twice" not in first
    assert "not done twice" in second
    assert "wa-webhook-jobs" in first


def menu(to: str = meta.SENDER) -> dict[str, Any]:
    rows = [{"id": "a", "title": "Rides"}, {"id": "b", "title": "Jobs"}]
    action = {"button": "Choose", "sections": [{"rows": rows}]}
    content = {"type": "list", "body": {"text": "Hello!"}, "action": action}
    return {"messaging_product": "whatsapp", "to": to, "type": "interactive", "interactive": content}


def test_a_menu_is_one_line() -> None:
    """Both kinds that the router sends."""
    assert describe_menu(menu()) == "→ to 4917••••••67: Hello! [Choose: Rides | Jobs]"
    assert describe_menu({"recipient": "US.134912", "type": "text", "text": {"body": "Hi"}}) == "→ to US.••••12: Hi"


async def test_the_graph_api_answers_as_whatsapp_does() -> None:
    """An id for what it can read, error 100 for what it cannot."""
    out = io.StringIO()
    graph = ExampleGraphApi(Console(out))
    async with graph.server, httpx.AsyncClient() as client:
        url = f"{graph.url}/{meta.PHONE_NUMBER_ID}/messages"
        good = await client.post(url, json=menu())
        assert good.status_code == 200
        assert good.json()["messages"][0]["id"].startswith("wamid.")
        for bad in (b"{", json.dumps({"type": "interactive"}).encode(), b"[]"):
            answer = await client.post(url, content=bad)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)
    assert "[Choose: Rides | Jobs]" in out.getvalue()
