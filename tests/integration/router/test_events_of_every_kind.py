"""What Meta sends besides a text of somebody with a number: each kind kept whole, and never taken for another."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Statuses and other changes have a route of their own."""
    routes = {**TOWN, "statuses": {}, "others": {}}
    spec: dict[str, Any] = {"statuses": {"route": "statuses"}, "others": {"route": "others"}}
    async with scene(databases, tmp_path_factory.mktemp("kinds"), routes, **spec) as it:
        yield it


async def accepted(town: Scene, body: bytes) -> tuple[str, str, str]:
    answer = await town.post(body)
    assert answer.status_code == 200, answer.text
    told = answer.headers
    return told["X-Routed-Service"], told["X-Routing-Reason"], told["X-Event-Count"]


def bodies(town: Scene, service: str) -> list[bytes]:
    return [request.body for request in town.services[service].requests]


async def arrives(town: Scene, service: str, body: bytes) -> None:
    """A service gets these bytes."""
    await town.services[service].wait_until(lambda: body in bodies(town, service), what="the body")


# -- statuses -----------------------------------------------------------------------------------------------------


async def test_every_status_of_a_message_is_delivered(town: Scene) -> None:
    """sent, delivered and read carry one id: each is an event of its own, in the recipient's lane, in order."""
    recipient, about = number(), meta.wamid()
    told = [meta.status(state, recipient, id=about) for state in ("sent", "delivered", "read")]
    for status in told:
        assert await accepted(town, meta.status_body(status)) == ("statuses", "status", "1")
    await town.settled()
    seen = [request.value()["statuses"][0] for request in town.services["statuses"].requests]
    assert [status for status in seen if status["id"] == about] == told


async def test_a_status_again_is_a_repeat(town: Scene) -> None:
    """The same status of the same message at the same time is one event; at another time it is another."""
    recipient = number()
    status = meta.status("read", recipient)
    later = {**status, "timestamp": str(meta.TIMESTAMP + 60)}
    assert await accepted(town, meta.status_body(status)) == ("statuses", "status", "1")
    assert await accepted(town, meta.status_body(status)) == ("statuses", "duplicate", "1")
    assert await accepted(town, meta.status_body(later)) == ("statuses", "status", "1")


async def test_a_group_tells_of_each_participant(town: Scene) -> None:
    """In a group one message's status comes once for each participant: none of them is a repeat of another."""
    group, about = number(), meta.wamid()
    told = [meta.group_status(group, number(), "read", id=about) for _ in range(3)]
    assert await accepted(town, meta.status_body(*told)) == ("statuses", "status", "3")
    await town.settled()
    seen = [request.value()["statuses"] for request in town.services["statuses"].requests]
    assert [status for status in seen if status[0]["id"] == about] == [[status] for status in told]


async def test_statuses_neither_count_nor_wait_for_the_rate_limit(town: Scene) -> None:
    """100 statuses at once of one recipient, at a limit of 30 messages a minute: none waits, no session is made."""
    recipient = number()
    body = meta.status_body(*(meta.status("sent", recipient) for _ in range(100)))
    assert await accepted(town, body) == ("statuses", "status", "100")
    await town.settled()
    assert await town.rows("SELECT 1 FROM user_sessions WHERE phone_number = %s", recipient) == []


async def test_a_message_and_its_statuses_in_one_change(town: Scene) -> None:
    """Messages come before statuses, each to its own service, in an envelope that holds it alone."""
    sender = number()
    message, status = meta.text("ride", sender), meta.status("read", sender)
    body = meta.encode(meta.envelope([meta.change(meta.value(messages=[message], statuses=[status]))]))
    assert await accepted(town, body) == ("mobility", "keyword", "2")
    got = (await town.got("mobility", message["id"])).value()
    assert (got["messages"], "statuses" in got) == ([message], False)
    await town.settled()
    told = town.services["statuses"].requests[-1].value()
    assert (told["statuses"], "messages" in told) == ([status], False)


# -- other changes ------------------------------------------------------------------------------------------------

INSIDE = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": meta.PHONE_NUMBER_ID}}


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("history", {**INSIDE, "history": [{"threads": [{"id": "1", "messages": [meta.text("ride")]}]}]}),
        ("history", {**INSIDE, "messages": [meta.text("ride", "491700009001")]}),
        ("smb_message_echoes", {**INSIDE, "message_echoes": [meta.text("menu")]}),
        ("smb_message_echoes", {**INSIDE, "messages": [meta.text("menu", "491700009002")]}),
        ("calls", {**INSIDE, "calls": [{"id": "wacid.1", "from": "491700009003", "event": "connect"}]}),
        ("account_update", {"phone_number": meta.DISPLAY_NUMBER, "event": "VERIFIED_ACCOUNT"}),
        ("message_template_status_update", {"event": "APPROVED", "message_template_id": 1}),
        ("Messages", {**INSIDE, "messages": [meta.text("taxi", "491700009004")]}),
        ("a field that nobody knows yet", {"messages": [meta.text("taxi", "491700009005")]}),
    ],
)
async def test_another_field_is_never_a_live_message(town: Scene, field: str, content: meta.Json) -> None:
    """A change of any other field is one event, byte for byte, to `others.route`, whatever it holds; it starts no
    session and reaches no service of a keyword.
    """
    body = meta.other_body(field, content)
    assert await accepted(town, body) == ("others", "other", "1")
    await arrives(town, "others", body)
    assert await town.rows("SELECT 1 FROM user_sessions WHERE phone_number LIKE '49170000900%%'") == []
    assert {request.body for request in town.services["mobility"].requests}.isdisjoint({body})


async def test_a_change_again_is_a_repeat(town: Scene) -> None:
    """A change without an id is known again by its entry's id, its time and itself, however it is written."""
    body = meta.other_body("account_update", {"event": "DISABLED_UPDATE", "number": number()})
    spaced = json.dumps(json.loads(body), indent=1, sort_keys=True).encode()
    assert await accepted(town, body) == ("others", "other", "1")
    assert await accepted(town, spaced) == ("others", "duplicate", "1")


async def test_a_change_that_holds_only_errors(town: Scene) -> None:
    """Errors of the account are one event, to `others.route`."""
    body = meta.errors_body()
    assert await accepted(town, body) == ("others", "other", "1")
    await arrives(town, "others", body)


async def test_another_product_is_kept(town: Scene) -> None:
    """A well-signed notification of another product of Meta's is no reason to refuse it."""
    body = json.dumps({"object": "page", "entry": [{"id": "1", "changes": [{"field": "feed", "value": 1}]}]}).encode()
    assert await accepted(town, body) == ("others", "other", "1")
    await arrives(town, "others", body)


# -- messages -----------------------------------------------------------------------------------------------------


async def test_somebody_with_a_username(town: Scene) -> None:
    """Who has no number is known by `from_user_id`: it has a session, and its menu goes to that id."""
    user = "US.13491208655302741918"
    message = meta.from_username("job", user)
    assert await accepted(town, meta.body(message)) == ("jobs", "keyword", "1")
    await town.got("jobs", message["id"])
    assert (await town.session(user))["active_service"] == "jobs"
    assert await accepted(town, meta.body(meta.from_username("menu", user))) == ("wa-webhook-core", "home", "1")
    await town.graph.wait_until(lambda: any(menu.get("recipient") == user for menu in town.graph.sent()))


async def test_a_message_without_a_sender(town: Scene) -> None:
    """It is routed by what it says and leaves no session; where it says nothing known it is counted: there is nobody
    to send the menu to.
    """
    known, unknown, home = (meta.text(text, "") for text in ("taxi", "who am I", "menu"))
    for message in (known, unknown, home):
        del message["from"]
    assert await accepted(town, meta.body(known)) == ("mobility", "keyword", "1")
    await town.got("mobility", known["id"])
    assert await accepted(town, meta.body(unknown)) == ("none", "counted", "1")
    assert await accepted(town, meta.body(home)) == ("none", "counted", "1")
    assert await town.rows("SELECT 1 FROM user_sessions WHERE phone_number = ''") == []


@pytest.mark.parametrize("voice", [False, True])
async def test_audio_goes_to_who_takes_it(town: Scene, voice: bool) -> None:
    """Audio and voice notes go to the route that accepts them, whoever is being talked to, and change no session."""
    sender = number()
    assert await town.say("job", sender) == ("jobs", "keyword")
    message = meta.audio(sender, voice=voice)
    assert await accepted(town, meta.body(message)) == ("mobility", "media", "1")
    await town.got("mobility", message["id"])
    assert (await town.session(sender))["active_service"] == "jobs"


async def test_reactions_and_the_like_follow_the_session(town: Scene) -> None:
    """Reactions, `system` and `unsupported` ask for nothing: to the active service, and without one only counted."""
    for make in (meta.reaction, meta.system, meta.unsupported):
        sender = number()
        assert await accepted(town, meta.body(make(sender=sender))) == ("none", "counted", "1")
        await town.say("cover", sender)
        message = make(sender=sender)
        assert await accepted(town, meta.body(message)) == ("insurance", "session", "1")
        await town.got("insurance", message["id"])


async def test_captions_and_buttons_speak(town: Scene) -> None:
    """An image is routed by its caption, a template's button by its payload; a location by the session, else home."""
    sender = number()
    assert await accepted(town, meta.body(meta.image("my insurance card", sender))) == (
        "insurance",
        "keyword_in_text",
        "1",
    )
    assert await accepted(town, meta.body(meta.button("job_apply_7", "Apply", sender))) == ("jobs", "state_prefix", "1")
    assert await accepted(town, meta.body(meta.location(sender))) == ("jobs", "session", "1")
    assert await accepted(town, meta.body(meta.location(number()))) == ("wa-webhook-core", "fallback", "1")


async def test_a_message_again_is_a_repeat(town: Scene) -> None:
    """A repeat answers 200 with the first decision's route and `duplicate`, reaches nobody and counts nowhere; the
    same id of another number is another message.
    """
    sender = number()
    message = meta.text("taxi", sender)
    assert await accepted(town, meta.body(message)) == ("mobility", "keyword", "1")
    before = await town.session(sender)
    for _ in range(3):
        assert await accepted(town, meta.body(message)) == ("mobility", "duplicate", "1")
    assert await town.session(sender) == before
    assert await accepted(town, meta.body(message, phone_number_id="99")) == ("mobility", "keyword", "1")
    await town.settled()
    assert town.services["mobility"].keys().count(message["id"]) == 2
