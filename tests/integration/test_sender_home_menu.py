"""The home menu through a Graph API that answers, fails, or leaves open what it did."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyreqwest.client import Client
from tests.support.nasty import Behaviour, NastyServer, answers, hangs, never_accepts, resets, sends, sends_and_closes
from tests.support.ports import free_port

from webhookcore import __version__
from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode
from webhookcore_router.client import build_client
from webhookcore_router.home_menu import HomeMenu
from webhookcore_router.outgoing import Delivery
from webhookcore_router.sender import DeliveryReport, Sender

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)
CONTENT = {"type": "text", "text": {"body": "Welcome!"}}


def event(**message: str) -> bytes:
    value = {"metadata": {"phone_number_id": "106540352242922"}, "messages": [{"id": "wamid.1", **message}]}
    return json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()


DELIVERY = Delivery(
    body=event(**{"from": "250788123456"}),
    attempt=1,
    idempotency_key="wamid.1",
    correlation_id="corr-1",
    request_id="req-1",
    received_at=NOW,
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with build_client(timeout_ms=4000, most_connections_per_host=8) as client:
        yield client


def menu(port: int) -> HomeMenu:
    return HomeMenu(f"http://127.0.0.1:{port}/v23.0", "t0ken", CONTENT)


async def deliver(client: Client, port: int, what: Delivery = DELIVERY, seconds: float = 20.0) -> DeliveryReport:
    sender = Sender(client, may_start=lambda _: True, refusal=lambda _: None, now=lambda: NOW, random=lambda: 0.0)
    report = await sender.deliver(what, menu(port), time.monotonic() + seconds)
    assert "250788123456" not in repr(report)
    assert "t0ken" not in repr(report)
    return report


async def test_what_meta_gets(client: Client) -> None:
    """The menu to who wrote, from the number that was written to, with the token; none of our own headers."""
    async with NastyServer(answers(200, body=b'{"messages":[{"id":"wamid.2"}]}')) as graph:
        report = await deliver(client, graph.port)
        [request], [head] = graph.requests, graph.heads()
    assert (report.outcome, report.attempts_used) == (Delivered(200), 1)
    assert request.startswith(b"POST /v23.0/106540352242922/messages HTTP/1.1\r\n")
    sent = json.loads(request.partition(b"\r\n\r\n")[2])
    assert sent == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "250788123456",
        **CONTENT,
    }
    assert head == {
        "accept": "*/*",
        "authorization": "Bearer t0ken",
        "content-length": head["content-length"],
        "content-type": "application/json",
        "host": f"127.0.0.1:{graph.port}",
        "user-agent": f"webhookcore/{__version__}",
    }


async def test_a_user_without_a_number(client: Client) -> None:
    """Who has a username has no number: the menu goes to the user id, in Meta's own field for it."""
    what = replace(DELIVERY, body=event(from_user_id="US.13491208655302741918"))
    async with NastyServer(answers(200)) as graph:
        await deliver(client, graph.port, what)
        sent = json.loads(graph.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["recipient"] == "US.13491208655302741918"
    assert "to" not in sent


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs,
        resets,
        sends_and_closes(b""),
        sends_and_closes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        sends(b"no HTTP\r\n\r\n"),
        answers(504),
    ],
    ids=["hangs", "resets", "closes", "closes in its body", "no HTTP", "504"],
)
async def test_nobody_wants_two_menus(client: Client, behaviour: Behaviour) -> None:
    """Where the menu may have been sent, it is abandoned at once: not tried again, now or later."""
    async with NastyServer(behaviour) as graph:
        report = await deliver(client, graph.port, seconds=2.0)
        assert len(graph.requests) == 1
    assert isinstance(report.outcome, Abandoned)
    assert report.outcome.code is FailureCode.UNKNOWN_OUTCOME
    assert report.outcome.detail.endswith("; the menu may have been sent")
    assert report.service_failed is True


async def test_a_menu_that_was_taken_over(client: Client) -> None:
    """Whoever held the event before may have sent the menu: nothing is sent."""
    async with NastyServer(answers(200)) as graph:
        report = await deliver(client, graph.port, replace(DELIVERY, attempt=2, taken_over=True))
        assert graph.requests == []
    assert isinstance(report.outcome, Abandoned)
    assert report.outcome.code is FailureCode.UNKNOWN_OUTCOME
    assert (report.attempts_used, report.service_failed) == (0, None)


@pytest.mark.parametrize(("status", "code"), [(500, FailureCode.SERVER_ERROR), (429, FailureCode.THROTTLED)])
async def test_what_was_refused_was_not_sent(client: Client, status: int, code: FailureCode) -> None:
    """An answered error is a known outcome: tried again as any delivery is."""
    async with NastyServer(answers(status), answers(status), answers(200)) as graph:
        assert (await deliver(client, graph.port)).outcome == Delivered(200)
        assert len(graph.requests) == 3
    async with NastyServer(answers(status)) as graph:
        outcome = (await deliver(client, graph.port)).outcome
    assert outcome == Failed(code, f"the Graph API: answered {status}", status)


async def test_what_never_connected_was_not_sent(client: Client) -> None:
    """A refused connection, or one that does not come about in time, is tried again."""
    refused = await deliver(client, free_port())
    assert isinstance(refused.outcome, Failed)
    assert (refused.outcome.code, refused.attempts_used) == (FailureCode.NETWORK, 3)
    async with build_client(timeout_ms=200, most_connections_per_host=1) as impatient:
        with never_accepts() as port:
            slow = await deliver(impatient, port)
    assert isinstance(slow.outcome, Failed)
    assert (slow.outcome.code, slow.attempts_used) == (FailureCode.TIMEOUT, 3)


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (401, b"", "answered 401: check the access token, it may have expired or may not send from this number"),
        (
            401,
            b'{"error":{"message":"for 250788123456","type":"OAuthException","code":190,"error_subcode":463}}',
            "answered 401 (error 190): check the access token, it may have expired or may not send from this number",
        ),
        (
            400,
            b'{"error":{"code":10}}',
            "answered 400 (error 10): check the access token, it may have expired or may not send from this number",
        ),
        (400, b'{"error":{"message":"to 250788123456","code":131030}}', "answered 400 (error 131030)"),
        (400, b'{"error":{"code":"190"}}', "answered 400"),
        (400, b"[" * 60_000, "answered 400"),
    ],
)
async def test_what_the_graph_api_refuses(client: Client, status: int, body: bytes, detail: str) -> None:
    """The person on call learns Meta's error code, and when it is the token's; never what its text quotes."""
    async with NastyServer(answers(status, body=body)) as graph:
        outcome = (await deliver(client, graph.port)).outcome
    assert outcome == Failed(FailureCode.CLIENT_ERROR, f"the Graph API: {detail}", status)
