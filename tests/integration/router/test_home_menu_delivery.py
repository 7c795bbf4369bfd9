"""The home menu: who gets it, how it is sent, and that nobody gets two."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.config import ACCESS_TOKEN
from tests.support.postgres import Databases
from tests.support.scene import CLOCK_ERROR, TOWN, Scene, number, scene
from tests.support.services import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOME = "wa-webhook-core"
WORDS = ("hi", "hello", "hey", "hola", "bonjour", "menu", "home", "exit", "start", "help", "?")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Menus go through the Graph API."""
    async with scene(databases, tmp_path_factory.mktemp("graph"), TOWN, router={"timeoutMs": 20_000}) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deskful(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A service of the company's shows the home menu, at words of its own."""
    spec: dict[str, Any] = {"home": {"route": "desk", "keywords": ["Moin", "ça va"]}}
    async with scene(databases, tmp_path_factory.mktemp("desk"), {**TOWN, "desk": {}}, **spec) as it:
        yield it


async def menu_for(town: Scene, sender: str) -> dict[str, Any]:
    """The menu that somebody gets."""
    found: list[dict[str, Any]] = []

    def came() -> bool:
        found[:] = [menu for menu in town.graph.sent() if menu["to"] == sender]
        return bool(found)

    await town.graph.wait_until(came, what=f"the menu of {sender}")
    return found[0]


@pytest.mark.parametrize("word", WORDS)
async def test_a_home_word_is_the_whole_text(town: Scene, word: str) -> None:
    """Each home word, in any case and with space around it, brings the menu; inside a longer text it does not."""
    sender = number()
    assert await town.say(f" {word.upper()}\n", sender) == (HOME, "home")
    await menu_for(town, sender)
    assert await town.say(f"{word} {word}", number()) == (HOME, "fallback")


async def test_how_a_menu_is_sent(town: Scene) -> None:
    """One POST to the number that was written to, with the access token; to who wrote, with our own headers nowhere."""
    sender = number()
    body = meta.body(meta.text("menu", sender), phone_number_id="111222333")
    assert (await town.post(body)).status_code == 200
    menu = await menu_for(town, sender)
    (request,) = (request for request in town.graph.requests if request.json()["to"] == sender)
    assert (request.method, request.target) == ("POST", "/v23.0/111222333/messages")
    assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert set(request.headers) == {"accept", "authorization", "content-length", "content-type", "host", "user-agent"}
    assert menu["type"] == "interactive"
    assert menu["interactive"]["type"] == "list"
    assert menu["interactive"]["action"]["button"] == "Choose a service"


async def test_a_home_word_ends_the_session_before_the_menu_is_there(town: Scene) -> None:
    """`active_service` is cleared with the decision, whatever becomes of the menu."""
    sender = number()
    await town.say("job", sender)
    town.graph.answer_next(Answer(404))
    await town.say("menu", sender)
    assert (await town.session(sender))["active_service"] is None
    await town.until(1, "SELECT count(*) FROM wa_dead_letter_queue WHERE from_number = %s", sender)


@pytest.mark.parametrize(
    ("answers", "code", "attempts", "abandoned"),
    [
        pytest.param([Answer(500)] * 3, "ServerError", 3, False, id="500 is tried again"),
        pytest.param([Answer(401)], "ClientError", 1, False, id="401 is a token to be mended"),
        pytest.param([Answer(504)], "UnknownOutcome", 1, True, id="504 may have sent it"),
        pytest.param([Answer(cut=True)], "UnknownOutcome", 1, True, id="a reset may have sent it"),
    ],
)
async def test_a_menu_that_was_not_sent(
    town: Scene, answers: list[Answer], code: str, attempts: int, abandoned: bool
) -> None:
    """What Meta surely did not send is tried again; what it may have sent is abandoned at once, as UnknownOutcome."""
    sender = number()
    message = meta.text("menu", sender)
    town.graph.answer_next(*answers)
    await town.send(message)
    letter = await town.dead_letter(message["id"])
    assert (letter["route"], letter["reason"], letter["error_code"]) == (HOME, "home", code)
    assert letter["attempts"] == attempts
    assert (letter["abandoned_at"] is not None) == abandoned == (letter["next_retry_at"] is None)
    assert sum(request.json()["to"] == sender for request in town.graph.requests) == attempts


async def test_a_menu_whose_time_is_up(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A Graph API that does not answer in time may have sent the menu: UnknownOutcome, abandoned, one request."""
    folder = tmp_path_factory.mktemp("hasty")
    async with scene(databases, folder, TOWN, router={"timeoutMs": 500}) as it:
        it.graph.answer_with(Answer(hang=True))
        message = meta.text("menu", number())
        await it.send(message)
        letter = await it.dead_letter(message["id"])
        assert (letter["error_code"], letter["attempts"], letter["retry_count"]) == ("UnknownOutcome", 1, 0)
        assert letter["abandoned_at"] == letter["created_at"]
        assert letter["created_at"] - letter["received_at"] >= timedelta(milliseconds=500) - CLOCK_ERROR
        assert len(it.graph.requests) == 1


async def test_a_menu_given_back_unsent_is_sent(town: Scene) -> None:
    """70 menus while 64 go at a time and the Graph API's breaker opens: the 6 that were not sent yet are given back
    and sent later, once each; none of them is taken for one that may have been sent.
    """
    senders, given_back = [number() for _ in range(70)], asyncio.Event()
    town.graph.answer_with(Answer(after=given_back))
    await town.send(*(meta.text("menu", sender) for sender in senders))
    mine = "SELECT count(*) FROM inbox WHERE sender = ANY(%s)"
    opened = "INSERT INTO circuit_breakers (service, state, opened_at, probe_at, updated_at)"
    await town.rows(f"{opened} VALUES (%s, 'open', now(), now() + interval '1 h', now())", HOME)
    await town.until(6, f"{mine} AND owner IS NULL", senders)
    given_back.set()
    await town.until(6, mine, senders)
    await town.rows("DELETE FROM circuit_breakers")
    town.graph.answer_with(town.graph._accept)
    await town.until(0, mine, senders)
    got = sorted(menu["to"] for menu in town.graph.sent() if menu["to"] in senders)
    assert got == sorted(senders)
    assert await town.rows("SELECT 1 FROM wa_dead_letter_queue WHERE from_number = ANY(%s)", senders) == []


async def test_a_route_may_show_the_menu_itself(deskful: Scene) -> None:
    """With `home.route` home words and the fallback go there as any event goes to a service; the session is cleared,
    nothing is sent to the Graph API, and the default's words are no home words any more.
    """
    sender = number()
    await deskful.say("job", sender)
    home = meta.text("MOIN", sender)
    answer = await deskful.send(home)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("desk", "home")
    got = await deskful.got("desk", home["id"])
    assert (got.text(), got.headers["x-routed-service"]) == ("MOIN", "desk")
    assert (await deskful.session(sender))["active_service"] is None
    assert await deskful.say("menu", sender) == ("desk", "fallback")
    assert await deskful.say("C\u0327A  VA", sender) == ("desk", "home")
    await deskful.settled()
    assert deskful.graph.requests == []
    assert HOME not in (await deskful.http.get(deskful.router.health_url)).json()["circuitBreakers"]
