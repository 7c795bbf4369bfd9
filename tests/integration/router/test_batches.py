"""A notification of many events: whole or not at all, each event by itself, in order inside a lane."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """No statuses.route, no others.route; a rate limit that nobody reaches."""
    routes = {name: {**fields, "concurrency": 16} for name, fields in TOWN.items()}
    router = {"rateLimit": {"messagesPerMinute": 60_000}}
    async with scene(databases, tmp_path_factory.mktemp("batches"), routes, router=router) as it:
        yield it


async def test_a_thousand_events(town: Scene) -> None:
    """1,000 messages of 50 senders to three services in one body: all of them, each once, each lane in its order."""
    senders = [number() for _ in range(50)]
    words = ("taxi", "cover", "job")
    messages = [
        meta.text(f"{words[(place * 7 + place // 50) % 3]} {place}", senders[place % 50]) for place in range(1000)
    ]
    answer = await town.post(meta.body(*messages))
    assert answer.status_code == 200
    assert answer.headers["X-Event-Count"] == "1000"
    assert answer.headers["X-Routed-Service"] == "mobility"
    assert answer.headers["X-Routing-Reason"] == "keyword_in_text"
    await town.settled()

    expected: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    services = dict(zip(words, ("mobility", "insurance", "jobs"), strict=True))
    for message in messages:
        expected[services[message["text"]["body"].split()[0]]][message["from"]].append(message["id"])
    mine = {message["id"] for message in messages}
    for name, service in town.services.items():
        lanes: dict[str, list[str]] = defaultdict(list)
        for request in service.requests:
            if request.key in mine:
                lanes[request.value()["messages"][0]["from"]].append(request.key)
        assert lanes == expected[name]
    assert await town.value("SELECT count(*) FROM wa_dead_letter_queue") == 0


async def test_each_event_sees_the_session_that_the_one_before_it_left(town: Scene) -> None:
    """Inside one notification decisions follow each other: chosen, talked to, left, and chosen again."""
    sender = number()
    talk = [
        meta.text("hello there", sender),
        meta.list_reply("insurance", "Insurance", sender),
        meta.text("how much is it", sender),
        meta.text("menu", sender),
        meta.text("how much is it", sender),
        meta.button_reply("job_7", "Apply", sender),
        meta.text("when do I start", sender),
    ]
    await town.send(*talk)
    decided = await town.rows(
        "SELECT route, reason FROM dedupe_keys JOIN unnest(%s::text[]) WITH ORDINALITY AS m(id, place)"
        " ON key = sha256(convert_to(format('7:message%%s:%%s%%s:%%s',"
        " length(%s::text), %s::text, length(m.id), m.id), 'UTF8')) ORDER BY place",
        [message["id"] for message in talk],
        meta.PHONE_NUMBER_ID,
        meta.PHONE_NUMBER_ID,
    )
    assert [tuple(row.values()) for row in decided] == [
        ("wa-webhook-core", "fallback"),
        ("insurance", "reply_id"),
        ("insurance", "session"),
        ("wa-webhook-core", "home"),
        ("wa-webhook-core", "fallback"),
        ("jobs", "state_prefix"),
        ("jobs", "session"),
    ]
    assert (await town.session(sender))["active_service"] == "jobs"


async def test_a_repeat_inside_a_notification(town: Scene) -> None:
    """The same message three times in one body is one event; each of the three is counted in the answer."""
    message = meta.text("taxi", number())
    answer = await town.post(meta.batch_body(message, message, message))
    assert answer.headers["X-Event-Count"] == "3"
    assert answer.headers["X-Routing-Reason"] == "keyword"
    await town.settled()
    assert town.services["mobility"].keys().count(message["id"]) == 1


async def test_the_first_event_names_the_answer(town: Scene) -> None:
    """X-Routed-Service and X-Routing-Reason are the first event's, also when that one is only counted."""
    message = meta.text("taxi", number())
    other = meta.change({"event": "VERIFIED_ACCOUNT"}, "account_update")
    body = meta.encode(meta.envelope([other, meta.change(meta.value(messages=[message]))]))
    answer = await town.post(body)
    assert answer.headers["X-Routed-Service"] == "none"
    assert answer.headers["X-Routing-Reason"] == "counted"
    assert answer.headers["X-Event-Count"] == "2"
    await town.got("mobility", message["id"])


async def test_without_a_route_statuses_are_counted(town: Scene) -> None:
    """Where no `statuses.route` is set they are accepted, counted in the metrics, and go nowhere; a repeat too."""
    await town.settled()  # what the tests before have sent
    body = meta.status_body(meta.status("read", number()))
    for reason in ("counted", "duplicate"):
        answer = await town.post(body)
        assert (answer.status_code, answer.headers["X-Routed-Service"]) == (200, "none")
        assert answer.headers["X-Routing-Reason"] == reason
    assert await town.value("SELECT count(*) FROM inbox") == 0
    metrics = (await town.http.get(f"{town.router.internal_url}/metrics")).text
    assert 'webhookcore_events_total{reason="counted"}' in metrics


async def test_one_event_is_its_body_byte_for_byte(town: Scene) -> None:
    """A body that held one event is delivered as it came: spaces, escapes, unknown fields, numbers, repeated names."""
    message = meta.text("taxi", number())
    written = json.dumps(meta.envelope([meta.change(meta.value(messages=[message]))]), indent="\t", sort_keys=True)
    for odd in (
        written,
        written.replace('"object"', '"x": 1.10, "y": 1E5, "z": -0, "object": "first", "object"'),
        written.replace("Kerry", "K\\u00e9rry \\/ \U0001f600"),
        " \r\n" + written + "\n\n",
    ):
        again = {**message, "id": meta.wamid()}
        body = odd.replace(message["id"], again["id"]).encode()
        assert (await town.post(body)).status_code == 200
        assert (await town.got("mobility", again["id"])).body == body


async def test_each_of_several_events_has_its_own_envelope(town: Scene) -> None:
    """WhatsApp's own envelope around each event: its entry's id and time, its change's metadata, its sender's contact,
    and no other event. Numbers keep their text.
    """
    first, second = meta.text("taxi", number()), meta.text("taxi", number(), price=1.5)
    third = meta.text("taxi", number())
    entries = meta.envelope(
        [meta.change(meta.value(messages=[first, second]))],
        [meta.change(meta.value(messages=[third], phone_number_id="42"))],
    )
    entries["entry"][1]["id"] = "another-account"
    body = meta.encode(entries).replace(b'"price":1.5', b'"price":1.50')
    assert (await town.post(body)).headers["X-Event-Count"] == "3"
    for message, entry, phone in ((first, 0, None), (second, 0, None), (third, 1, "42")):
        got = await town.got("mobility", message["id"])
        value = meta.value(messages=[message], **({"phone_number_id": phone} if phone else {}))
        assert got.json() == {**entries, "entry": [{**entries["entry"][entry], "changes": [meta.change(value)]}]}
        assert (b'"price":1.50' in got.body) == (message is second)


async def test_many_small_notifications_at_once(town: Scene) -> None:
    """120 notifications of 10 senders posted together: every one answered, none lost, none twice."""
    messages = [meta.text("job", sender) for sender in [number() for _ in range(10)] for _ in range(12)]
    answers = await asyncio.gather(*(town.post(meta.body(message)) for message in messages))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 120
    await town.settled()
    mine = {message["id"] for message in messages}
    assert sorted(request.key for request in town.services["jobs"].requests if request.key in mine) == sorted(mine)
