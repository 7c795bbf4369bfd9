"""Meta's handshake, asked when the callback URL is set: only who knows the verify token gets the challenge back."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from tests.support.config import VERIFY_TOKEN
from tests.support.postgres import Databases
from tests.support.raw_http import exchange
from tests.support.scene import TOWN, Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODE, TOKEN, CHALLENGE = "hub.mode=subscribe", f"hub.verify_token={VERIFY_TOKEN}", "hub.challenge=1158201444"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(databases, tmp_path_factory.mktemp("handshake"), TOWN) as it:
        yield it


@pytest.mark.parametrize("query", [f"{MODE}&{CHALLENGE}&{TOKEN}", f"{TOKEN}&x=1&x=2&{CHALLENGE}&{MODE}"])
async def test_the_challenge_comes_back(town: Scene, query: str) -> None:
    """200 with the challenge and nothing else, as plain text, in whatever order Meta asks."""
    answer = await town.http.get(f"{town.router.url}?{query}")
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-WA-Core-Latency"].endswith("ms")


async def test_a_challenge_is_not_read(town: Scene) -> None:
    """Whatever the challenge holds comes back as it was: it is Meta's, and never HTML."""
    for challenge in ("<script>alert(1)</script>", "ünï cödé", "a&b=c", "x" * 2000):
        answer = await town.http.get(f"{town.router.url}?{MODE}&{TOKEN}&hub.challenge={quote(challenge, safe='')}")
        assert (answer.status_code, answer.text) == (200, challenge)
        assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"{MODE}&{CHALLENGE}", id="no token"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=", id="an empty token"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token", id="a token without a value"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=wrong", id="a wrong token"),
        pytest.param(f"{MODE}&{CHALLENGE}&{TOKEN}x", id="a longer token"),
        pytest.param(f"{MODE}&{CHALLENGE}&{TOKEN[:-1]}", id="a shorter token"),
        pytest.param(f"{MODE}&{CHALLENGE}&{TOKEN.swapcase()}", id="a token in other case"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=%C3%BC%F0%9F%98%80", id="a token beyond ASCII"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=%ff%fe%00", id="a token that is no UTF-8"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=%ED%A0%80", id="a lone surrogate"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token[]={VERIFY_TOKEN}", id="array-like"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token[0]={VERIFY_TOKEN}", id="array-like with an index"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub[verify_token]={VERIFY_TOKEN}", id="object-like"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub_verify_token={VERIFY_TOKEN}", id="underscores"),
        pytest.param(f"{CHALLENGE}&{TOKEN}", id="no mode"),
        pytest.param(f"hub.mode=unsubscribe&{CHALLENGE}&{TOKEN}", id="another mode"),
        pytest.param(f"hub.mode=Subscribe&{CHALLENGE}&{TOKEN}", id="a mode in other case"),
        pytest.param(f"hub.mode=&{CHALLENGE}&{TOKEN}", id="an empty mode"),
        pytest.param(f"{MODE}&{TOKEN}", id="no challenge"),
        pytest.param(f"{MODE}&{TOKEN}&hub.challenge=", id="an empty challenge"),
        pytest.param("%", id="a lone percent sign"),
        pytest.param("&&&===;;;", id="only separators"),
    ],
)
async def test_who_does_not_know_the_token_is_refused(town: Scene, query: str) -> None:
    """403, never a 500, and the challenge does not come back."""
    answer = await exchange(town.router.public_port, _get(query))
    assert answer is not None
    assert (answer.status, answer.json()["error"]) == (403, "forbidden")
    assert b"1158201444" not in answer.body
    assert VERIFY_TOKEN.encode() not in answer.body


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"{MODE}&{CHALLENGE}&{TOKEN}&{TOKEN}", id="the right token twice"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.verify_token=wrong&{TOKEN}", id="a wrong and the right token"),
        pytest.param(f"{MODE}&{MODE}&{CHALLENGE}&{TOKEN}", id="two modes"),
        pytest.param(f"{MODE}&{CHALLENGE}&hub.challenge=2&{TOKEN}", id="two challenges"),
        pytest.param(f"{MODE}&{CHALLENGE}&{TOKEN}&hub.verify_token[]=a&hub.verify_token[]=b", id="array-like twice"),
    ],
)
async def test_a_parameter_given_twice_is_refused(town: Scene, query: str) -> None:
    """400: what another reader would take from it is unknown."""
    answer = await exchange(town.router.public_port, _get(query))
    assert answer is not None
    assert (answer.status, answer.json()["error"]) == (400, "bad_request")


async def test_a_refused_handshake_is_an_event(town: Scene) -> None:
    """CORE_AUTH_FAILED says that it was the handshake, and not what was presented."""
    await town.http.get(
        f"{town.router.url}?{MODE}&{CHALLENGE}&hub.verify_token=guessed", headers={"X-Request-ID": "h-1"}
    )

    def told() -> list[dict[str, object]]:
        return [event for event in town.router.events("CORE_AUTH_FAILED") if event["requestId"] == "h-1"]

    await town.router.wait_until(lambda: bool(told()))
    assert [event["what"] for event in told()] == ["handshake"]
    assert "guessed" not in town.router.output()
    assert VERIFY_TOKEN not in town.router.output()


def _get(query: str) -> bytes:
    return f"GET /wa-webhook-core?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1")
