"""Who and what does not get in, and how it is told: status, stable error code, and the ids to ask by."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.config import APP_SECRET, INTERNAL_SECRET
from tests.support.postgres import Databases
from tests.support.raw_http import RawAnswer, chunked, exchange, post, read_answer
from tests.support.scene import TOWN, Scene, number, scene

from webhookcore.signature import sign_forward

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/wa-webhook-core"
LIMIT = 3 * 1024 * 1024
PREVIOUS = "the-secret-before-0123456789"
SOON = {"request_seconds": 2.0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("refusals")
    async with scene(databases, folder, TOWN, env={"WA_APP_SECRET_PREVIOUS": PREVIOUS}, limits=SOON) as it:
        yield it


def check(answer: httpx.Response | RawAnswer | None, status: int, code: str) -> dict[str, Any]:
    """An error in the form of all errors; its body."""
    assert answer is not None
    told: dict[str, Any] = answer.json()
    status_of = answer.status if isinstance(answer, RawAnswer) else answer.status_code
    assert (status_of, told["error"]) == (status, code), told
    assert set(told) == {"error", "message", "requestId"}
    assert told["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == told["requestId"]
    assert answer.headers["x-correlation-id"]
    assert answer.headers["x-wa-core-latency"].endswith("ms")
    return told


async def kept(town: Scene) -> int:
    count: int = await town.value("SELECT count(*) FROM dedupe_keys")
    return count


# -- signature ----------------------------------------------------------------------------------------------------

BODY = meta.body(meta.text("ride", "491700000000"))
GOOD = meta.signature(BODY, APP_SECRET)


@pytest.mark.parametrize(
    "signatures",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="empty"),
        pytest.param(["sha256="], id="no digest"),
        pytest.param([meta.signature(BODY, "another-secret")], id="of another secret"),
        pytest.param([meta.signature(BODY + b" ", APP_SECRET)], id="of another body"),
        pytest.param([meta.signature(BODY, "")], id="of an empty secret"),
        pytest.param([GOOD.upper()], id="upper case"),
        pytest.param([GOOD.replace("sha256=", "SHA256=")], id="upper-case name"),
        pytest.param([GOOD.removeprefix("sha256=")], id="no name"),
        pytest.param([GOOD.replace("sha256=", "sha1=")], id="another name"),
        pytest.param([GOOD[:-1]], id="too short"),
        pytest.param([GOOD + "0"], id="too long"),
        pytest.param(["sha256=" + "\xe9" * 64], id="bytes beyond ASCII"),
        pytest.param(["sha256=\xff\xfe\x80"], id="bytes that are no UTF-8"),
        pytest.param([GOOD, GOOD], id="two headers, both right"),
        pytest.param([GOOD, "sha256=" + "0" * 64], id="two headers, one right"),
    ],
)
async def test_a_signature_that_proves_nothing_is_refused(town: Scene, signatures: list[str]) -> None:
    """401 invalid_signature, whatever the header holds, and never a 500; nothing is kept."""
    before = await kept(town)
    lines = [f"X-Hub-Signature-256: {signature}" for signature in signatures]
    check(await exchange(town.router.public_port, post(PATH, BODY, *lines)), 401, "invalid_signature")
    assert await kept(town) == before


async def test_both_secrets_count_while_one_replaces_the_other(town: Scene) -> None:
    """While a secret is rotated, notifications signed with either are accepted."""
    for secret in (APP_SECRET, PREVIOUS):
        message = meta.text("ride", number())
        answer = await town.post(meta.body(message), secret=secret)
        assert answer.status_code == 200
        await town.got("mobility", message["id"])


async def test_a_refused_signature_is_an_event_without_its_body(town: Scene) -> None:
    """CORE_AUTH_FAILED carries the request's ids, and nothing of what a stranger wrote."""
    answer = await town.post(BODY, {"X-Hub-Signature-256": "sha256=forged", "X-Request-ID": "forged-1"})
    assert answer.status_code == 401

    def told() -> list[dict[str, Any]]:
        return [event for event in town.router.events("CORE_AUTH_FAILED") if event["requestId"] == "forged-1"]

    await town.router.wait_until(lambda: bool(told()))
    (event,) = told()
    assert {name: event[name] for name in event if name != "timestamp"} == {
        "event": "CORE_AUTH_FAILED",
        "requestId": "forged-1",
        "correlationId": "forged-1",
        "what": "signature",
    }


@pytest.mark.parametrize("path", ["/internal/deliver", "/metrics", "/livez", "/readyz"])
async def test_internal_paths_do_not_exist_outside(town: Scene, path: str) -> None:
    """On the public listener internal paths are 404, also for who knows the internal secret."""
    body = b"{}\n{}"
    forward = sign_forward(body, INTERNAL_SECRET.encode(), 1_900_000_000)
    root = town.router.health_url.removesuffix("/health")
    answer = await town.http.post(f"{root}{path}", content=body, headers={"X-WA-Internal-Forward": forward})
    check(answer, 404, "not_found")
    check(await town.http.get(f"{root}{path}"), 404, "not_found")


async def test_a_forwarded_mark_opens_nothing_outside(town: Scene) -> None:
    """X-WA-Internal-Forward, even well made, does not stand for Meta's signature, and changes nothing beside it."""
    message = meta.text("ride", number())
    body = meta.body(message)
    now = int(await town.value("SELECT extract(epoch FROM now())::bigint"))
    forward = {"X-WA-Internal-Forward": sign_forward(body, INTERNAL_SECRET.encode(), now)}
    check(await town.http.post(town.router.url, content=body, headers=forward), 401, "invalid_signature")
    answer = await town.post(body, {**forward, "X-DLQ-Retry": "3"})
    assert (answer.status_code, answer.headers["X-Routing-Reason"]) == (200, "keyword")
    assert (await town.got("mobility", message["id"])).attempt == 1


async def test_a_delivery_that_came_back_is_refused(town: Scene) -> None:
    """What carries X-Routed-From of a Webhook Core is a route that leads in a circle: 400 loop, nothing kept."""
    before = await kept(town)
    body = meta.body(meta.text("ride", number()))
    check(await town.post(body, {"X-Routed-From": "wa-webhook-core"}), 400, "loop")
    assert await kept(town) == before
    assert (await town.post(body, {"X-Routed-From": "somebody-else"})).status_code == 200


# -- body ---------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    return b'{"entry":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"ride", id="no JSON"),
        pytest.param(b'{"entry":[]', id="cut off"),
        pytest.param(b'{"entry":[]} x', id="more after it"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'[{"object":"whatsapp_business_account"}]', id="an array of notifications"),
        pytest.param(b'"entry"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"12", id="a number"),
        pytest.param(b'{"entry":NaN}', id="NaN"),
        pytest.param(b'{"entry":Infinity}', id="Infinity"),
        pytest.param(b'{"entry":-Infinity}', id="-Infinity"),
        pytest.param(b'{"entry":"\xff"}', id="no UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"entry":[]}', id="a byte order mark"),
        pytest.param('{"entry":[]}'.encode("utf-16"), id="UTF-16"),
        pytest.param(nested(900), id="nested too deeply"),
        pytest.param(nested(200_000), id="nested absurdly"),
    ],
)
async def test_only_what_is_no_json_object_is_refused(town: Scene, body: bytes) -> None:
    """400 not_a_notification for a well-signed body that is no JSON object; nothing is kept."""
    before = await kept(town)
    check(await town.post(body), 400, "not_a_notification")
    assert await kept(town) == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="empty"),
        pytest.param(b'{"entry":[]}', id="no entry"),
        pytest.param(b'{"entry":{}}', id="entry is no list"),
        pytest.param(b'{"entry":[null,1,"x",[],{}]}', id="odd entries"),
        pytest.param(b'{"object":"page","entry":[{"id":"1","changes":[{"field":"feed"}]}]}', id="another product's"),
        pytest.param(b'{"entry":[{"changes":[{"field":"messages","value":null}]}]}', id="no value"),
        pytest.param(b'{"entry":[{"changes":[{"field":"messages","value":{"messages":"x"}}]}]}', id="odd messages"),
        pytest.param(b'{"entry":[{"changes":[{"field":"messages","value":{"messages":[7]}}]}]}', id="an odd message"),
        pytest.param(b'  \n {"entry":[], "x": 1} \t', id="space around it"),
        pytest.param(json.dumps({f"key{n}": n for n in range(100_000)}).encode(), id="100,000 keys"),
        pytest.param(nested(790), id="nested deeply"),
    ],
)
async def test_a_well_signed_object_is_never_refused(town: Scene, body: bytes) -> None:
    """Whatever is unknown, odd or partly broken in it: 200, at least one event, counted where no route takes it."""
    answer = await town.post(body)
    assert answer.status_code == 200
    assert answer.json() == {"status": "accepted"}
    assert answer.headers["X-Routed-Service"] == "none"
    assert answer.headers["X-Routing-Reason"] == "counted"
    assert int(answer.headers["X-Event-Count"]) >= 1


# -- size ---------------------------------------------------------------------------------------------------------


def padded(message: meta.Json, size: int) -> bytes:
    """A notification of exactly `size` bytes."""
    body = meta.body(message)
    return body + b" " * (size - len(body))


async def test_three_mebibytes_are_accepted(town: Scene) -> None:
    """A body of exactly 3 MiB is kept, and delivered byte for byte; in chunks too."""
    for in_chunks in (False, True):
        message = meta.text("ride", number())
        body = padded(message, LIMIT)
        lines = [f"X-Hub-Signature-256: {meta.signature(body, APP_SECRET)}"]
        if in_chunks:
            head = post(PATH, b"", *lines, "Transfer-Encoding: chunked", length=False)
            answer = await exchange(town.router.public_port, head, chunked(body), b"0\r\n\r\n")
        else:
            answer = await exchange(town.router.public_port, post(PATH, body, *lines))
        assert answer is not None
        assert answer.status == 200
        assert (await town.got("mobility", message["id"])).body == body


async def test_a_byte_more_is_refused_before_it_is_read(town: Scene) -> None:
    """3 MiB and a byte: 413 from the Content-Length alone, before any of the body was sent."""
    body = padded(meta.text("ride", number()), LIMIT + 1)
    line = f"X-Hub-Signature-256: {meta.signature(body, APP_SECRET)}"
    head = post(PATH, body, line)[: -len(body)]
    check(await exchange(town.router.public_port, head), 413, "payload_too_large")
    check(await town.post(body), 413, "payload_too_large")


async def test_who_is_refused_while_sending_can_read_the_answer(town: Scene) -> None:
    """The router reads on for a moment and drops it: closed at once, the connection would be reset, and the answer with
    it. Who sends on is cut off.
    """
    head = post(PATH, padded(meta.text("ride", number()), LIMIT + 1))[: -LIMIT - 1]
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", town.router.public_port)
        writer.write(head + b"x" * 1_000_000)
        check(await read_answer(reader), 413, "payload_too_large")
        assert await reader.read() == b""  # the end, not a reset
        writer.write(b"x" * 1_000_000)
        await writer.drain()
        with pytest.raises(ConnectionError):
            await send_without_end(writer)


async def send_without_end(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 1_000_000)
        await writer.drain()


async def test_chunks_without_end_are_refused_while_they_come(town: Scene) -> None:
    """A chunked body that never ends is counted while it is read: 413 as soon as it is over 3 MiB.

    So much more than that is read and dropped, and no more, that the answer is not overtaken by a reset.
    """
    head = post(PATH, b"", "Transfer-Encoding: chunked", length=False)
    endless = [chunked(b"x" * 1024 * 1024)] * 12
    check(await exchange(town.router.public_port, head, *endless), 413, "payload_too_large")


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nabcdefgh\r\n"])
async def test_a_broken_chunk_is_refused(town: Scene, chunk: bytes) -> None:
    """A chunk whose size is no size, or is not true, ends the request with a 4xx, never with a 5xx."""
    head = post(PATH, b"", "Transfer-Encoding: chunked", length=False)
    answer = await exchange(town.router.public_port, head + chunk, b"0\r\n\r\n")
    assert answer is None or 400 <= answer.status < 500


# -- HTTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"], id="length first"),
        pytest.param(["Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}"], id="encoding first"),
        pytest.param([f"Content-Length: {len(BODY)}", "Transfer-Encoding: identity"], id="identity"),
        pytest.param([f"Content-Length: {len(BODY)}", "Content-Length: 2"], id="two lengths"),
        pytest.param(["Content-Length: 1e2"], id="a length that is no number"),
        pytest.param(["Content-Length: -5"], id="a negative length"),
        pytest.param(["Content-Length: +5"], id="a signed length"),
        pytest.param(["Transfer-Encoding: gzip, chunked"], id="another encoding"),
        pytest.param(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], id="two encodings"),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
async def test_a_length_that_is_ambiguous_is_refused(town: Scene, lines: list[str], signed: bool) -> None:
    """Where a proxy in front might see another end of the request than the router does: 400, and nothing is kept."""
    before = await kept(town)
    body = chunked(BODY) + b"0\r\n\r\n" if "chunked" in " ".join(lines) else BODY
    signature = [f"X-Hub-Signature-256: {GOOD}"] if signed else []
    answer = await exchange(town.router.public_port, post(PATH, body, *lines, *signature, length=False))
    check(answer, 400, "bad_request")
    assert await kept(town) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_other_methods_are_refused(town: Scene, method: str) -> None:
    """405 with the methods that there are."""
    answer = await town.http.request(method, town.router.url)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "POST"}
    if method != "HEAD":
        check(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/wa-webhook-core/", "/WA-WEBHOOK-CORE", "/wa-webhook-core/x", "/%2e%2e/health"])
async def test_other_paths_are_refused(town: Scene, path: str) -> None:
    """404, also for nearly the right path."""
    root = town.router.health_url.removesuffix("/health")
    check(await town.http.post(f"{root}{path}", content=BODY, headers=meta.signed(BODY, APP_SECRET)), 404, "not_found")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET\r\n\r\n", id="no path"),
        pytest.param(b"GET /health HTTP/9.9\r\n\r\n", id="an unknown version"),
        pytest.param(b"GET /health HTTP/1.1\r\nno colon\r\n\r\n", id="a line that is no header"),
        pytest.param(b"GET /health HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", id="a very long header"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", id="TLS"),
    ],
)
async def test_what_is_no_http_is_refused(town: Scene, data: bytes) -> None:
    """A 4xx in the form of all errors, or the end of the connection; never a 500."""
    answer = await exchange(town.router.public_port, data)
    if answer is not None:
        assert 400 <= answer.status < 500
        check(answer, answer.status, answer.json()["error"])


async def test_expect_continue_is_answered(town: Scene) -> None:
    """A client that asks before it sends its body is told to go on."""
    message = meta.text("ride", number())
    body = meta.body(message)
    lines = [f"X-Hub-Signature-256: {meta.signature(body, APP_SECRET)}", "Expect: 100-continue"]
    answer = await exchange(town.router.public_port, post(PATH, body, *lines))
    assert answer is not None
    assert answer.status == 200
    await town.got("mobility", message["id"])


async def test_slow_clients_hold_up_nobody(town: Scene) -> None:
    """200 clients that stop in the middle of a request are cut off with 408; others are served meanwhile."""
    port = town.router.public_port
    slow = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(200)))
    begun = post(PATH, BODY, f"X-Hub-Signature-256: {GOOD}")
    for place, (_, writer) in enumerate(slow):
        writer.write(begun[: 1 + place * (len(begun) - 2) // 199])
    for _ in range(20):
        message = meta.text("ride", number())
        assert (await town.post(meta.body(message))).status_code == 200
        await town.got("mobility", message["id"])
    answers = await asyncio.gather(*(read_answer(reader) for reader, _ in slow))
    for (reader, writer), answer in zip(slow, answers, strict=True):
        check(answer, 408, "request_timeout")
        assert await reader.read() == b""
        writer.close()


async def test_a_body_that_drips_is_cut_off(town: Scene) -> None:
    """A body of which a byte comes now and then is not waited for for ever: 408 when its time is up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.router.public_port)
    writer.write(post(PATH, BODY, f"X-Hub-Signature-256: {GOOD}")[: -len(BODY)])
    answer = asyncio.create_task(read_answer(reader))
    for byte in BODY[:-1]:
        await asyncio.wait([answer], timeout=0.05)
        if answer.done():
            break
        writer.write(bytes([byte]))
    check(await answer, 408, "request_timeout")
    writer.close()
