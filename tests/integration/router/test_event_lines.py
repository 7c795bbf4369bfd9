"""What a router writes: one JSON line an event, and never a phone number, a message id, a text or a secret in it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.config import SECRETS
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

from webhookcore.events import EventName, Pseudonyms

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN_SECRETS = {
    "WEBHOOKCORE_SECRET_INSURANCE_KEY": "insurance-own-secret-0123456789",
    "WEBHOOKCORE_SECRET_JOBS_TOKEN": "jobs-own-token-0123456789",
    "WA_APP_SECRET_PREVIOUS": "the-secret-before-0123456789",
}
PRIVATE = "my-card-is-4111-1111"
"""A part of each text that somebody writes."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Whatever can be told of is told of: a limit of 4 messages, an SLO of 1 ms, a service that fails."""
    routes: dict[str, dict[str, Any]] = {name: dict(fields) for name, fields in TOWN.items()}
    routes["insurance"]["secretRef"] = {"name": "insurance", "key": "key"}
    routes["jobs"]["secretRef"] = {"name": "jobs", "key": "token", "use": "Bearer"}
    routes["failing"] = {"keywords": ["failing"], "retry": {"inRequest": 0}}
    router = {"slo": {"coldStartMs": 1, "p95Ms": 1}, "rateLimit": {"messagesPerMinute": 4, "onExceed": "Reject"}}
    async with scene(databases, tmp_path_factory.mktemp("lines"), routes, env=OWN_SECRETS, router=router) as it:
        it.services["failing"].answer_with(Answer(500, body=PRIVATE.encode()))
        yield it


async def events(town: Scene, request_id: str, last: EventName, count: int = 1) -> list[dict[str, Any]]:
    """The events of a request, as soon as the last ones are there."""

    def mine() -> list[dict[str, Any]]:
        return [event for event in town.router.events() if event.get("requestId") == request_id]

    await town.router.wait_until(lambda: sum(event["event"] == last for event in mine()) >= count, what=f"{last}")
    return mine()


async def test_the_events_of_a_delivered_message(town: Scene) -> None:
    """Received, decided, delivered: each with the ids to follow it by, the time, and a pseudonym for who wrote."""
    message = meta.text("taxi", number())
    body = meta.body(message)
    await town.post(body, {"X-Request-ID": "req-good", "X-Correlation-ID": "corr-good"})
    told = await events(town, "req-good", EventName.CORE_DELIVERED)
    names = Pseudonyms(SECRETS["WEBHOOKCORE_INTERNAL_SECRET"].encode())
    sender, message_id = names.of(message["from"]), names.of(message["id"])
    now = await town.value("SELECT now()")
    for event in told:
        assert event.pop("correlationId") == "corr-good"
        assert event.pop("requestId") == "req-good"
        assert abs(now - datetime.fromisoformat(event.pop("timestamp"))) < timedelta(minutes=1)
    received, decided, delivered = told
    assert 0 < received.pop("latencyMs") < 30_000
    assert 0 < delivered.pop("ms") < 30_000
    assert received == {"event": "CORE_WEBHOOK_RECEIVED", "bytes": len(body), "events": 1}
    assert decided == {
        "event": "CORE_ROUTING_DECISION",
        "sender": sender,
        "messageId": message_id,
        "kind": "message",
        "route": "mobility",
        "reason": "keyword",
    }
    assert delivered == {
        "event": "CORE_DELIVERED",
        "sender": sender,
        "messageId": message_id,
        "route": "mobility",
        "attempts": 1,
        "status": 200,
    }


async def test_the_event_of_a_dead_letter(town: Scene) -> None:
    """Why, after how many attempts, and whether it is tried again; not what the service answered."""
    message = meta.text(f"failing {PRIVATE}", number())
    await town.post(meta.body(message), {"X-Request-ID": "req-dead"})
    told = await events(town, "req-dead", EventName.CORE_DEAD_LETTERED)
    event = {name: told[-1][name] for name in told[-1] if name not in ("timestamp", "sender", "messageId")}
    assert event == {
        "event": "CORE_DEAD_LETTERED",
        "correlationId": "req-dead",
        "requestId": "req-dead",
        "route": "failing",
        "attempts": 1,
        "code": "ServerError",
        "detail": "answered 500",
        "status": 500,
        "abandoned": False,
    }


async def test_a_sender_keeps_its_pseudonym(town: Scene) -> None:
    """The same sender is the same in every event, of messages and of statuses; another is another."""
    sender, other = number(), number()
    await town.post(meta.body(meta.text("taxi", sender)), {"X-Request-ID": "req-p1"})
    await town.post(meta.status_body(meta.status("read", sender)), {"X-Request-ID": "req-p2"})
    await town.post(meta.body(meta.text("taxi", other)), {"X-Request-ID": "req-p3"})
    first = await events(town, "req-p1", EventName.CORE_DELIVERED)
    second = await events(town, "req-p2", EventName.CORE_ROUTING_DECISION)
    third = await events(town, "req-p3", EventName.CORE_DELIVERED)
    pseudonyms = [{event["sender"] for event in told if "sender" in event} for told in (first, second, third)]
    assert pseudonyms[0] == pseudonyms[1]
    assert [len(found) for found in pseudonyms] == [1, 1, 1]
    assert pseudonyms[2] != pseudonyms[0]


async def test_nothing_private_is_written(town: Scene) -> None:
    """After all kinds of work and trouble: in both outputs, the metrics, health and every answer there is no phone
    number, no message id, nothing that anybody wrote, and no secret. Every event of a router was seen.
    """
    senders = [number() for _ in range(12)]
    user = "US.13491208655302741918"
    messages = [
        *(meta.text(f"taxi {PRIVATE}", sender) for sender in senders[:3]),
        meta.text(f"failing {PRIVATE}", senders[3]),
        meta.text("menu", senders[4]),
        meta.image(f"insurance {PRIVATE}", senders[5]),
        meta.button_reply(f"job_{PRIVATE}", PRIVATE, senders[6]),
        meta.from_username(f"taxi {PRIVATE}", user),
        *(meta.text(f"job {PRIVATE}", senders[7]) for _ in range(6)),
        meta.reaction(sender=senders[8]),
        meta.text(f"taxi {PRIVATE} \0 \ud800", senders[9]),
    ]
    statuses = [meta.status("read", senders[10]), meta.group_status(senders[11], senders[0])]
    answers = [
        await town.post(meta.body(*messages), {"X-Request-ID": "req-all"}),
        await town.post(meta.status_body(*statuses)),
        await town.post(meta.other_body("history", {"messages": messages})),
        await town.post(meta.body(*messages), {"X-Hub-Signature-256": "sha256=forged"}),
        await town.post(f'{{"text":"{PRIVATE} {senders[0]}"'.encode()),
        await town.post(json.dumps([messages[0]]).encode()),
        await town.http.get(f"{town.router.url}?hub.mode=subscribe&hub.verify_token={PRIVATE}&hub.challenge=1"),
        await town.http.get(town.router.health_url),
        await town.http.get(f"{town.router.internal_url}/metrics"),
        await town.http.post(f"{town.router.internal_url}/internal/deliver", content=meta.body(*messages)),
    ]
    assert [answer.status_code for answer in answers] == [429, 200, 200, 401, 400, 400, 403, 200, 200, 401]
    await events(town, "req-all", EventName.CORE_DELIVERED, count=12)
    await events(town, "req-all", EventName.CORE_DEAD_LETTERED)
    every = {name for name in EventName if name.startswith("CORE_")}
    await town.router.wait_until(lambda: {event["event"] for event in town.router.events()} == every, what="each event")

    written = town.router.output() + "".join(str(dict(answer.headers)) + answer.text for answer in answers)
    ids = [message["id"] for message in messages] + [status["id"] for status in statuses]
    private = [PRIVATE, user, *senders, *ids, meta.DISPLAY_NUMBER, *SECRETS.values(), *OWN_SECRETS.values()]
    assert [item for item in private if item in written] == []
    encoded = [base64.b64encode(item.encode()).decode().rstrip("=") for item in private]
    assert [item for item in encoded if item in written] == []
    for line in town.router.lines:
        assert isinstance(json.loads(line), dict), line


async def test_a_refusal_of_postgres_names_no_row(town: Scene) -> None:
    """Postgres' own message about a row that it refuses quotes the row; the router's does not. Only that notification
    is refused, with 503, while the others of its flush are kept; and the router goes on.
    """
    await town.rows("ALTER TABLE inbox ADD CONSTRAINT no_poison CHECK (position('poison'::bytea IN body) = 0)")
    poison = meta.text(f"taxi poison {PRIVATE}", number())
    good = [meta.text("taxi", number()) for _ in range(20)]
    bodies = [meta.body(message) for message in good]
    bodies[10:10] = [meta.body(poison)]
    answers = [answer.status_code for answer in await asyncio.gather(*(town.post(body) for body in bodies))]
    assert [answer for place, answer in enumerate(answers) if place != 10] == [200] * 20
    assert answers[10] == 503
    for message in good:
        await town.got("mobility", message["id"])
    assert await town.value("SELECT count(*) FROM user_sessions WHERE phone_number = %s", poison["from"]) == 0
    await town.rows("ALTER TABLE inbox DROP CONSTRAINT no_poison")
    await town.router.wait_for_line("Postgres refused a notification")
    written = town.router.output()
    assert [item for item in (PRIVATE, poison["from"], poison["id"], "Failing row") if item in written] == []
    await town.send(poison)
    await town.got("mobility", poison["id"])


async def test_a_refused_dead_letter_names_no_row(town: Scene) -> None:
    """A dead letter whose payload Postgres refuses is kept with a stand-in for it; the others are as ever."""
    await town.rows("ALTER TABLE wa_dead_letter_queue ADD CONSTRAINT c CHECK (payload::text NOT LIKE '%%poison%%')")
    poison, good = meta.text(f"failing poison {PRIVATE}", number()), meta.text("failing", number())
    await town.send(poison, good)
    letter = await town.dead_letter(poison["id"])
    assert letter["payload"]["reason"] == "refused by the database"
    assert bytes(letter["body"]).find(b"poison") > 0
    assert (await town.dead_letter(good["id"]))["payload"]["entry"]
    await town.rows("ALTER TABLE wa_dead_letter_queue DROP CONSTRAINT c")
    await town.router.wait_for_line("Postgres refused the payload of dead letter")
    written = town.router.output()
    assert [item for item in (PRIVATE, poison["from"], poison["id"], "Failing row") if item in written] == []
