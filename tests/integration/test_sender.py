"""The sender against real services that answer, misbehave or do not answer at all: each with its outcome."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyreqwest.client import Client
from pyreqwest.exceptions import BuilderError
from pyreqwest.http import Url
from tests.support.nasty import (
    AUTHORITY,
    Behaviour,
    NastyServer,
    answers,
    drips,
    hangs,
    never_accepts,
    pours,
    resets,
    sends,
    sends_and_closes,
)
from tests.support.ports import free_port

from webhookcore import __version__
from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode
from webhookcore.signature import verify
from webhookcore_router.client import build_client
from webhookcore_router.outgoing import Delivery, RouteTarget
from webhookcore_router.sender import DeliveryReport, LeaseLostError, Sender

NOW = datetime(2025, 11, 24, 19, 0, 0, tzinfo=UTC)
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
DELIVERY = Delivery(
    body=BODY,
    attempt=1,
    idempotency_key="wamid.HBgMMjUwNzg4",
    correlation_id="corr-1",
    request_id="req-1",
    received_at=NOW,
)
PLENTY = 20.0
"""Seconds for what must not run into its deadline, however slow the machine."""
SHORT = 0.4
"""Seconds for what must."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with build_client(timeout_ms=4000, most_connections_per_host=64) as client:
        yield client


@pytest.fixture
def sender(client: Client) -> Sender:
    return sender_of(client)


def sender_of(client: Client) -> Sender:
    return Sender(client, may_start=lambda _: True, refusal=lambda _: None, now=lambda: NOW, random=lambda: 0.0)


def target(server: NastyServer | int, *, in_request: int = 2, never: frozenset[int] = frozenset()) -> RouteTarget:
    """A route to a server, with a password and a token in its URL that must never be seen elsewhere."""
    port = server if isinstance(server, int) else server.port
    return RouteTarget("mobility", Url(f"http://ann:sekret@127.0.0.1:{port}/webhook?key=sekret"), in_request, never)


async def deliver(
    sender: Sender, to: RouteTarget, seconds: float = PLENTY, what: Delivery = DELIVERY
) -> DeliveryReport:
    report = await sender.deliver(what, to, time.monotonic() + seconds)
    assert "sekret" not in repr(report)
    return report


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success(sender: Sender, status: int) -> None:
    """2xx, with or without a body: delivered with one try."""
    async with NastyServer(answers(status)) as server:
        report = await deliver(sender, target(server))
    assert (report.outcome, report.attempts_used, report.last_status) == (Delivered(status), 1, status)
    assert report.service_failed is False
    assert report.elapsed_ms > 0


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [
        (302, FailureCode.REDIRECT, 1),
        (304, FailureCode.REDIRECT, 1),
        (400, FailureCode.CLIENT_ERROR, 1),
        (404, FailureCode.CLIENT_ERROR, 1),
        (410, FailureCode.CLIENT_ERROR, 1),
        (408, FailureCode.TIMEOUT, 3),
        (429, FailureCode.THROTTLED, 3),
        (500, FailureCode.SERVER_ERROR, 3),
        (503, FailureCode.SERVER_ERROR, 3),
        (999, FailureCode.PROTOCOL, 1),
    ],
)
async def test_failures(sender: Sender, status: int, code: FailureCode, tries: int) -> None:
    """What may pass is tried again within the request, as often as the route says; the rest is not."""
    async with NastyServer(answers(status)) as server:
        report = await deliver(sender, target(server))
        assert len(server.requests) == tries
    assert isinstance(report.outcome, Failed)
    assert (report.outcome.code, report.last_status, report.attempts_used) == (code, status, tries)


async def test_a_code_that_is_never_retried(sender: Sender) -> None:
    """A code in the route's `never` abandons at once, also one that would be tried again otherwise."""
    async with NastyServer(answers(503)) as server:
        report = await deliver(sender, target(server, never=frozenset({503})))
        assert len(server.requests) == 1
    assert isinstance(report.outcome, Abandoned)
    assert report.outcome.code is FailureCode.NEVER_RETRY


async def test_a_redirect_is_not_followed(sender: Sender) -> None:
    """Wherever it points: nobody else gets the event."""
    async with NastyServer(answers(200)) as other:
        headers = f"Location: {other.url}\r\n"
        async with NastyServer(answers(307, headers=headers)) as server:
            report = await deliver(sender, target(server))
        assert report.last_status == 307
        assert other.requests == []


async def test_a_service_that_recovers(sender: Sender) -> None:
    """Tries count up, the key stays: a service can tell a repeat. The connection is used again."""
    async with NastyServer(answers(503), answers(500), answers(200)) as server:
        report = await deliver(sender, target(server), what=replace(DELIVERY, attempt=4))
        heads = server.heads()
        assert server.connections == 1
    assert (report.outcome, report.attempts_used) == (Delivered(200), 3)
    assert [head["x-wa-attempt"] for head in heads] == ["4", "5", "6"]
    assert {head["idempotency-key"] for head in heads} == {DELIVERY.idempotency_key}


async def test_retry_after_within_the_deadline(sender: Sender) -> None:
    """A wish that fits is waited for."""
    async with NastyServer(answers(429, headers="Retry-After: 0.2\r\n"), answers(200)) as server:
        started = time.monotonic()
        report = await deliver(sender, target(server))
    assert (report.outcome, report.attempts_used) == (Delivered(200), 2)
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("7200", 3600.0), ("Mon, 24 Nov 2025 19:02:00 GMT", 120.0)],
)
async def test_retry_after_past_the_deadline(sender: Sender, header: str, seconds: float) -> None:
    """A wish that does not fit ends the request at once and goes into the dead letter, at most an hour."""
    async with NastyServer(answers(503, headers=f"Retry-After: {header}\r\n")) as server:
        report = await deliver(sender, target(server))
        assert len(server.requests) == 1
    assert isinstance(report.outcome, Failed)
    assert report.outcome.retry_after_seconds == seconds


@pytest.mark.parametrize("header", [b"soon", b"\xff\xfe", b""])
async def test_retry_after_that_is_none(sender: Sender, header: bytes) -> None:
    """Garbage in the header is as if it were not there."""
    answer = b"HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: " + header + b"\r\n\r\n"
    async with NastyServer(sends(answer), answers(200)) as server:
        assert (await deliver(sender, target(server))).outcome == Delivered(200)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs,
        drips(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 999),
        drips(b"x", after=HEAD),
        drips(b"1\r\nx\r\n", after=CHUNKED),
    ],
    ids=["hangs", "drips its head", "drips its body", "drips chunks"],
)
async def test_the_deadline_is_total(sender: Sender, behaviour: Behaviour) -> None:
    """However a service keeps a delivery waiting: it ends as a timeout, and the connection with it."""
    async with NastyServer(behaviour) as server:
        report = await deliver(sender, target(server), SHORT)
        await server.all_closed()
    assert isinstance(report.outcome, Failed)
    assert (report.outcome.code, report.attempts_used) == (FailureCode.TIMEOUT, 1)
    assert report.service_failed is True


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Abandoned(FailureCode.NEVER_RETRY, "answered 400, after which the route never tries again", 400)),
        (500, Failed(FailureCode.SERVER_ERROR, "answered 500", 500)),
    ],
)
async def test_a_failure_is_known_by_its_status(sender: Sender, status: int, outcome: Failed | Abandoned) -> None:
    """A failure's body may drip past the deadline: its status says enough."""
    head = f"HTTP/1.1 {status} No\r\nContent-Length: 100\r\n\r\n".encode()
    async with NastyServer(drips(b"x", after=head)) as server:
        report = await deliver(sender, target(server, never=frozenset({400})), 4 * SHORT)
        await server.all_closed()
    assert report.outcome == outcome


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (resets, FailureCode.NETWORK),
        (sends_and_closes(b""), FailureCode.NETWORK),
        (sends_and_closes(b"HTTP/1.1 200 OK\r\nConte"), FailureCode.NETWORK),
        (sends_and_closes(HEAD + b"abc"), FailureCode.NETWORK),
        (sends_and_closes(CHUNKED + b"5\r\nabc"), FailureCode.NETWORK),
        (sends(b"SMTP ready\r\n\r\n"), FailureCode.PROTOCOL),
        (sends_and_closes(b"hello"), FailureCode.PROTOCOL),
        (sends(b"HTTP/1.1 099 Odd\r\n\r\n"), FailureCode.PROTOCOL),
        (sends(b"HTTP/1.1 200 OK\r\nbad header\x00: x\r\n\r\n"), FailureCode.PROTOCOL),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n"), FailureCode.PROTOCOL),
        (sends(CHUNKED + b"zz\r\nabc"), FailureCode.PROTOCOL),
    ],
    ids=[
        *("resets", "closes", "closes in its head", "closes in its body", "closes in a chunk", "no HTTP", "HTTP/0.9"),
        *("no status", "no header", "two lengths", "no chunk"),
    ],
)
async def test_what_breaks_off_or_is_no_http(sender: Sender, behaviour: Behaviour, code: FailureCode) -> None:
    """It is tried again, and is a dead letter with a reason when it stays so; nothing is left open."""
    async with NastyServer(behaviour) as server:
        report = await deliver(sender, target(server, in_request=1))
        assert len(server.requests) == 2
        await server.all_closed()
    assert isinstance(report.outcome, Failed)
    assert report.outcome.code is code
    assert report.outcome.detail.startswith("no whole answer: ")
    async with NastyServer(behaviour, answers(200)) as server:
        assert (await deliver(sender, target(server))).outcome == Delivered(200)


async def test_switching_protocols_is_no_answer(sender: Sender) -> None:
    """101 is nothing that a delivery can end with; 100 and 103 are waited past."""
    async with NastyServer(sends(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")) as server:
        report = await deliver(sender, target(server))
    assert isinstance(report.outcome, Failed)
    assert report.outcome.code is FailureCode.PROTOCOL
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    async with NastyServer(sends(early + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        assert (await deliver(sender, target(server))).outcome == Delivered(200)


def forget_peak_rss() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak_rss_bytes() -> int:
    """The most memory since the peak was last forgotten."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


MEGABYTE = b"x" * 1_000_000


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (pours(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", MEGABYTE, 1000), None),
        (pours(CHUNKED, b"f4240\r\n" + MEGABYTE + b"\r\n", 1000), None),
        (pours(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", MEGABYTE, 1000), None),
        (pours(b"HTTP/1.1 200 OK\r\n", b"X: " + MEGABYTE + b"\r\n", 1000), FailureCode.PROTOCOL),
        (pours(b"HTTP/1.1 400 No\r\nContent-Length: 1000000000\r\n\r\n", MEGABYTE, 1000), FailureCode.CLIENT_ERROR),
    ],
    ids=["with its length", "in chunks", "until it closes", "of headers", "of error"],
)
async def test_a_gigabyte_needs_no_memory(sender: Sender, behaviour: Behaviour, expected: FailureCode | None) -> None:
    """An answer is read up to 64 KiB, then its connection is dropped; a success it is all the same."""
    async with NastyServer(behaviour) as server:
        await deliver(sender, target(server, in_request=0))  # whatever is allocated once is allocated now
        forget_peak_rss()
        before = peak_rss_bytes()
        report = await deliver(sender, target(server, in_request=0))
        await server.all_closed()
        assert peak_rss_bytes() - before < 50_000_000
    assert expected == (None if isinstance(report.outcome, Delivered) else report.outcome.code)


async def test_64_kib_are_read_for_the_connections_sake(sender: Sender) -> None:
    """Answers that fit keep their connection, also failures; compressed ones are not unpacked."""
    fits, too_long = b"x" * 65_535, b"x" * 70_000
    packed = answers(200, headers="Content-Encoding: gzip\r\n", body=b"not gzip")
    async with NastyServer(answers(200, body=fits), answers(500, body=fits), packed, answers(200)) as server:
        for status in (200, 500, 200, 200):
            assert (await deliver(sender, target(server, in_request=0))).last_status == status
        assert server.connections == 1
    async with NastyServer(answers(200, body=too_long)) as server:
        assert (await deliver(sender, target(server))).outcome == Delivered(200)


async def test_a_service_that_closes_without_a_word(sender: Sender) -> None:
    """A connection that is closed after its answer is not taken for the next delivery."""
    async with NastyServer(sends_and_closes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as server:
        for _ in range(20):
            assert (await deliver(sender, target(server))).outcome == Delivered(200)


async def test_nobody_listens(sender: Sender) -> None:
    """A refused connection is tried again; the reason names the system's error."""
    report = await deliver(sender, target(free_port()))
    assert isinstance(report.outcome, Failed)
    assert (report.outcome.code, report.attempts_used) == (FailureCode.NETWORK, 3)
    assert report.outcome.detail.startswith("no connection: Connection refused")


async def test_connecting_takes_too_long() -> None:
    """Connecting may take half of a delivery's time, so that a second try is left."""
    async with build_client(timeout_ms=400, most_connections_per_host=1) as client:
        with never_accepts() as port:
            report = await deliver(sender_of(client), target(port, in_request=1), 10.0)
    assert isinstance(report.outcome, Failed)
    assert (report.outcome.code, report.attempts_used) == (FailureCode.TIMEOUT, 2)
    assert report.outcome.detail == "no connection in time"


async def test_a_name_that_does_not_exist(sender: Sender) -> None:
    """An unknown name is the network's failure (or a timeout, where the name server does not answer)."""
    to = RouteTarget("mobility", Url("http://nothing.invalid/?key=sekret"), in_request=0)
    report = await deliver(sender, to)
    assert isinstance(report.outcome, Failed)
    assert report.outcome.code in (FailureCode.NETWORK, FailureCode.TIMEOUT)
    assert report.outcome.detail.startswith("no connection")


async def test_a_scheme_that_cannot_be_posted_to(sender: Sender) -> None:
    """What the HTTP client refuses to build is a failure with a reason, not an exception."""
    report = await deliver(sender, RouteTarget("mobility", Url("ftp://example.com/?key=sekret")))
    assert report.outcome == Failed(FailureCode.PROTOCOL, "no request could be made: URL scheme is not allowed")


async def test_the_downstream_contract(sender: Sender) -> None:
    """The exact bytes, and exactly these headers."""
    received_at = datetime(2025, 11, 24, 21, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
    what = replace(
        DELIVERY, menu_selection="1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", received_at=received_at
    )
    async with NastyServer(answers(200)) as server:
        to = RouteTarget("mobility", Url(server.url), signing_secret=b"own secret")
        await deliver(sender, to, what=what)
        [request], [head] = server.requests, server.heads()
    assert request.startswith(b"POST /webhook HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n" + BODY)
    assert verify(BODY, head.pop("x-hub-signature-256"), [b"own secret"])
    assert head == {
        "accept": "*/*",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "host": f"127.0.0.1:{server.port}",
        "idempotency-key": "wamid.HBgMMjUwNzg4",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "user-agent": f"webhookcore/{__version__}",
        "x-correlation-id": "corr-1",
        "x-menu-selection": "1",
        "x-request-id": "req-1",
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": "mobility",
        "x-wa-attempt": "1",
        "x-wa-received-at": "2025-11-24T19:00:00.123Z",
    }


async def test_a_bearer_token_instead_of_a_signature(sender: Sender) -> None:
    """A route whose secret is a bearer token; what it has no value for is not sent."""
    async with NastyServer(answers(200)) as server:
        await deliver(sender, RouteTarget("mobility", Url(server.url), bearer_token="t0ken"))
        [head] = server.heads()
    assert head["authorization"] == "Bearer t0ken"
    assert not head.keys() & {"x-hub-signature-256", "x-menu-selection", "traceparent"}


async def test_nothing_can_inject_a_header(sender: Sender) -> None:
    """Line breaks and letters beyond ASCII in what strangers chose arrive percent-encoded."""
    what = replace(DELIVERY, correlation_id="a\r\nX-Evil: 1", request_id="\ud800", menu_selection="é 1%")
    async with NastyServer(answers(200)) as server:
        await deliver(sender, target(server), what=what)
        [head] = server.heads()
    assert "x-evil" not in head
    assert head["x-correlation-id"] == "a%0D%0AX-Evil: 1"
    assert head["x-request-id"] == "?"
    assert head["x-menu-selection"] == "%C3%A9 1%25"


async def test_nothing_is_sent_without_the_lease(client: Client) -> None:
    """The lease is asked before a try, with the deadline that it must outlive."""
    asked = []

    def may_start(deadline: float) -> bool:
        asked.append(deadline)
        return False

    sender = Sender(client, may_start=may_start, refusal=lambda _: None, now=lambda: NOW)
    async with NastyServer(answers(200)) as server:
        with pytest.raises(LeaseLostError):
            await sender.deliver(DELIVERY, target(server), deadline := time.monotonic() + PLENTY)
        assert server.requests == []
    assert asked == [deadline]


async def test_the_lease_ends_between_two_tries(client: Client) -> None:
    """What one try came to stands; there is no further one."""
    answers_of_lease = iter([True, False])
    sender = Sender(client, may_start=lambda _: next(answers_of_lease), refusal=lambda _: None, now=lambda: NOW)
    async with NastyServer(answers(503)) as server:
        report = await deliver(sender, target(server))
        assert len(server.requests) == 1
    assert report.outcome == Failed(FailureCode.SERVER_ERROR, "answered 503", 503)
    assert report.attempts_used == 1


async def test_a_deadline_that_has_passed(sender: Sender) -> None:
    """Nothing is sent, and the service is not blamed."""
    async with NastyServer(answers(200)) as server:
        report = await deliver(sender, target(server), -1.0)
        assert server.requests == []
    assert isinstance(report.outcome, Failed)
    assert (report.outcome.code, report.attempts_used) == (FailureCode.TIMEOUT, 0)
    assert report.service_failed is None


async def test_a_refused_target(client: Client) -> None:
    """Nothing is sent to a route that points where it must not."""
    sender = Sender(client, may_start=lambda _: True, refusal=lambda route: f"{route} is bad", now=lambda: NOW)
    async with NastyServer(answers(200)) as server:
        report = await deliver(sender, target(server))
        assert server.requests == []
    assert report == DeliveryReport(Failed(FailureCode.REFUSED_TARGET, "mobility is bad"), 0, 0.0)
    assert report.service_failed is None


async def test_a_cancelled_delivery_is_over_at_its_deadline(sender: Sender) -> None:
    """Cancelling stops waiting, not the request: that one ends, and its connection, when its time is up."""
    async with NastyServer(hangs) as server:
        task = asyncio.create_task(deliver(sender, target(server), SHORT))
        await server.until(lambda: bool(server.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.all_closed()
        assert len(server.requests) == 1


async def test_a_client_that_is_closed_under_a_delivery() -> None:
    """Closing is the router's own doing: no outcome, and the event stays where it was kept."""
    client = build_client(timeout_ms=4000, most_connections_per_host=1)
    async with NastyServer(hangs) as server:
        task = asyncio.create_task(deliver(sender_of(client), target(server), 1.0))
        await server.until(lambda: bool(server.requests))
        await client.close()
        with pytest.raises(LeaseLostError):
            await task


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery goes to the address that was checked, and no other."""
    async with NastyServer(answers(200)) as server, NastyServer(answers(200)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with build_client(timeout_ms=4000, most_connections_per_host=1) as client:
            assert (await deliver(sender_of(client), target(server))).outcome == Delivered(200)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_certificates_are_checked(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's certificate is refused; SSL_CERT_FILE names whom to trust."""
    async with NastyServer(answers(200), tls=True) as server:
        to = RouteTarget("mobility", Url(server.url), in_request=0)
        report = await deliver(sender, to)
        assert isinstance(report.outcome, Failed)
        assert report.outcome.code is FailureCode.NETWORK
        assert report.outcome.detail == "no connection: invalid peer certificate: UnknownIssuer"
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
        async with build_client(timeout_ms=4000, most_connections_per_host=1) as client:
            assert (await deliver(sender_of(client), to)).outcome == Delivered(200)


async def test_a_machine_without_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare container has no roots: bundled ones are used; variables that lead nowhere are an error."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    with pytest.raises(BuilderError):
        build_client(timeout_ms=4000, most_connections_per_host=1)
    async with (
        NastyServer(answers(200)) as server,
        build_client(timeout_ms=4000, most_connections_per_host=1, environ={}) as client,
    ):
        assert (await deliver(sender_of(client), target(server))).outcome == Delivered(200)


async def test_many_at_once(sender: Sender) -> None:
    """Each delivery arrives once, whole, over connections that are used again."""
    bodies = [b'{"n":%d}' % number for number in range(500)]
    limit = asyncio.Semaphore(16)

    async def one(body: bytes) -> DeliveryReport:
        async with limit:
            return await deliver(sender, target(server), what=replace(DELIVERY, body=body))

    async with NastyServer(answers(200)) as server:
        reports = await asyncio.gather(*(one(body) for body in bodies))
        arrived = sorted(request.partition(b"\r\n\r\n")[2] for request in server.requests)
        assert server.connections <= 32
    assert {(report.outcome, report.attempts_used) for report in reports} == {(Delivered(200), 1)}
    assert arrived == sorted(bodies)
