"""What jsonb, UTF-8 or Python would refuse or change: kept and delivered byte for byte, and the others with it."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD = {
    "a null character": b'"taxi \\u0000 x"',
    "a null character and nothing else": b'"\\u0000"',
    "a lone high surrogate": b'"taxi \\ud83d x"',
    "a lone low surrogate": b'"taxi \\uDE00 x"',
    "surrogates the wrong way round": b'"taxi \\ude00\\ud83d x"',
    "a number out of range": b'"taxi", "price": 1e999999',
    "a number far out of range": b'"taxi", "price": -1.5E+99999999999999999999',
    "5,000 digits": b'"taxi", "price": ' + b"7" * 5000,
    "5,000 digits behind the point": b'"taxi", "price": 0.' + b"7" * 5000,
    "nested deeply": b'"taxi", "deep": ' + b"[" * 700 + b"]" * 700,
    "a null character in a name": b'"taxi", "a\\u0000b": 1',
}
"""What stands as a message's text, and what follows it."""


def odd_body(odd: bytes, sender: str, message_id: str) -> bytes:
    message = meta.text("ODD", sender, id=message_id)
    return meta.body(message).replace(b'"ODD"', odd)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The fallback is a service, so that what says nothing known is seen too; `broken` always fails."""
    routes = {**TOWN, "desk": {}, "broken": {"keywords": ["broken"], "retry": {"inRequest": 0}}}
    async with scene(databases, tmp_path_factory.mktemp("exact"), routes, fallback="desk") as it:
        it.services["broken"].answer_with(Answer(404))
        yield it


@pytest.mark.parametrize("name", ODD)
async def test_odd_content_is_delivered_byte_for_byte(town: Scene, name: str) -> None:
    """200, and the service gets the very bytes; a session and a decision come of it as of any other message."""
    sender, message_id = number(), meta.wamid()
    body = odd_body(ODD[name], sender, message_id)
    answer = await town.post(body)
    assert answer.status_code == 200, answer.text
    service = answer.headers["X-Routed-Service"]
    assert service == ("mobility" if b"taxi" in body else "desk")
    assert (await town.got(service, message_id)).body == body
    assert (await town.session(sender))["phone_number"] == sender


async def test_odd_content_fails_nobody_elses_flush(town: Scene) -> None:
    """Odd notifications between good ones, posted together, many times: all of them are accepted and delivered."""
    posted: dict[str, bytes] = {}
    for _ in range(3):
        for odd in ODD.values():
            message_id, good = meta.wamid(), meta.text("taxi", number())
            posted[message_id] = odd_body(odd, number(), message_id)
            posted[good["id"]] = meta.body(good)
    answers = await asyncio.gather(*(town.post(body) for body in posted.values()))
    assert {answer.status_code for answer in answers} == {200}
    await town.settled()
    got = {request.key: request.body for name in ("mobility", "desk") for request in town.services[name].requests}
    assert {key: got.get(key) for key in posted} == posted


async def test_odd_content_among_others_in_one_notification(town: Scene) -> None:
    """Of three events in one body the odd one is kept as exactly as the others: what it says is not changed by the
    envelope that it gets.
    """
    before, odd, after = (meta.text(text, number()) for text in ("taxi", "ODD", "taxi"))
    body = meta.body(before, odd, after).replace(b'"ODD"', b'"taxi \\u0000 \\ud83d", "price": 1e999999')
    assert (await town.post(body)).headers["X-Event-Count"] == "3"
    for message in (before, after):
        assert (await town.got("mobility", message["id"])).value()["messages"] == [message]
    got = await town.got("mobility", odd["id"])
    assert b'"body":"taxi \\u0000 \\ud83d","price":1e999999' in got.body
    told = json.loads(got.body, parse_float=str)["entry"][0]["changes"][0]["value"]["messages"]
    assert told == [{**odd, "text": {"body": "taxi \0 \ud83d", "price": "1e999999"}}]


@pytest.mark.parametrize("name", ODD)
async def test_odd_content_as_a_dead_letter(town: Scene, name: str) -> None:
    """In the dead letter queue `body` holds the bytes; `payload` says what jsonb would not take, and how to know it."""
    sender, message_id = number(), meta.wamid()
    await town.say("broken", sender)
    body = odd_body(ODD[name].replace(b"taxi", b"x"), sender, message_id)
    answer = await town.post(body)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("broken", "session")
    letter = await town.dead_letter(message_id)
    assert bytes(letter["body"]) == body
    mark = letter["payload"]["$webhookcore"]
    assert mark == "not storable as jsonb"
    assert letter["payload"]["bytes"] == len(body)
    assert letter["payload"]["sha256"] == hashlib.sha256(body).hexdigest()


async def test_an_ordinary_dead_letter_can_be_read(town: Scene) -> None:
    """Where jsonb takes it, `payload` is the event itself."""
    sender = number()
    message = meta.text("broken \u00e9 \U0001f600", sender)
    body = meta.body(message)
    assert (await town.post(body)).status_code == 200
    letter = await town.dead_letter(message["id"])
    assert letter["payload"] == json.loads(body)
    assert bytes(letter["body"]) == body
