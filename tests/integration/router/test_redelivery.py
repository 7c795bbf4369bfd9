"""POST /internal/deliver: the dlq-processor's way to a service. It answers what happened, and changes nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.config import APP_SECRET, INTERNAL_SECRET
from tests.support.postgres import Databases
from tests.support.raw_http import exchange, post
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Parked
from webhookcore.redelivery import Answer as Outcome
from webhookcore.redelivery import Redelivery, decode_outcome, encode
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.signature import sign, sign_forward

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTERNAL = INTERNAL_SECRET.encode()
TABLES = ("user_sessions", "dedupe_keys", "inbox", "wa_dead_letter_queue")
RECEIVED_AT = datetime(2025, 11, 24, 9, 30, 0, 123_000, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Routes that are paused, hang on one delivery at a time, fail without a further try, or sign with their secret."""
    routes: dict[str, dict[str, Any]] = {
        **{name: dict(fields) for name, fields in TOWN.items()},
        "paused": {"paused": True},
        "hanging": {"concurrency": 1},
        "failing": {"retry": {"inRequest": 0}},
        "tripped": {"retry": {"inRequest": 0}},
        "signed": {"secretRef": {"name": "signed", "key": "key"}},
    }
    env = {"WEBHOOKCORE_SECRET_SIGNED_KEY": "signed-own-secret"}
    spec: dict[str, Any] = {"router": {"timeoutMs": 4000, "rateLimit": {"messagesPerMinute": 1}}}
    async with scene(databases, tmp_path_factory.mktemp("redelivery"), routes, env=env, **spec) as it:
        it.services["hanging"].answer_with(Answer(hang=True))
        it.services["failing"].answer_with(Answer(500))
        yield it


def dead_letter(route: str, message: meta.Json | None = None, **fields: Any) -> Redelivery:
    """A dead letter on its first retry, after one attempt."""
    message = message or meta.text("thanks", number())
    made = Redelivery(
        id=uuid4(),
        route=route,
        reason="session",
        menu_selection=None,
        sender=message["from"],
        message_id=message["id"],
        idempotency_key=message["id"],
        attempt=2,
        retry=1,
        received_at=RECEIVED_AT,
        correlation_id="corr-1",
        request_id="req-1",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        body=meta.body(message),
    )
    return replace(made, **fields)


async def forward(town: Scene, body: bytes, *signatures: str) -> httpx.Response:
    headers = [("X-WA-Internal-Forward", signature) for signature in signatures]
    return await town.http.post(f"{town.router.internal_url}/internal/deliver", content=body, headers=headers)


async def now(town: Scene) -> int:
    seconds: int = await town.value("SELECT extract(epoch FROM now())::bigint")
    return seconds


async def redeliver(town: Scene, redelivery: Redelivery) -> Outcome:
    """What the router answers; and that it left every table as it was."""
    before = await contents(town)
    body = encode(redelivery)
    answer = await forward(town, body, sign_forward(body, INTERNAL, await now(town)))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert await contents(town) == before
    return decode_outcome(answer.content)


async def contents(town: Scene) -> dict[str, Any]:
    """Every row of what a redelivery must not touch."""
    return {table: await town.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}  # noqa: S608 - no input


# -- delivered ----------------------------------------------------------------------------------------------------


async def test_delivered_as_it_was_meant_first(town: Scene) -> None:
    """The very bytes, to the route that was decided first, with the ids and the time of acceptance, the next attempt's
    number, and the service's own signature.
    """
    letter = dead_letter("signed", attempt=4, retry=3)
    assert await redeliver(town, letter) == Outcome(Delivered(200), "signed", 4)
    got = await town.got("signed", letter.idempotency_key)
    assert got.body == letter.body
    kept = {
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": "signed",
        "x-correlation-id": "corr-1",
        "x-request-id": "req-1",
        "idempotency-key": letter.idempotency_key,
        "x-wa-attempt": "4",
        "x-wa-received-at": "2025-11-24T09:30:00.123Z",
        "traceparent": letter.traceparent,
        "x-hub-signature-256": meta.signature(letter.body, "signed-own-secret"),
    }
    assert {name: got.headers.get(name) for name in kept} == kept
    assert "x-menu-selection" not in got.headers


async def test_the_sender_has_moved_on(town: Scene) -> None:
    """Minutes later the sender talks to another service, above the rate limit: the dead letter goes where it belongs,
    and the session, the limit and the dedupe keys stay as they are.
    """
    sender = number()
    message = meta.text("2", sender)
    await town.say("job", sender)
    await town.settled()
    await town.rows("UPDATE user_sessions SET rate_tat = now() + interval '1 h' WHERE phone_number = %s", sender)
    letter = dead_letter("insurance", message, menu_selection="2", reason="menu_key")
    assert await redeliver(town, letter) == Outcome(Delivered(200), "insurance", 2)
    assert (await town.got("insurance", message["id"])).headers["x-menu-selection"] == "2"
    assert (await town.session(sender))["active_service"] == "jobs"


async def test_it_waits_for_no_lane_and_no_limit(town: Scene) -> None:
    """Two dead letters of one sender in a row, at a limit of one message a minute: both are delivered at once."""
    sender = number()
    for _ in range(2):
        letter = dead_letter("jobs", meta.text("thanks", sender))
        assert await redeliver(town, letter) == Outcome(Delivered(200), "jobs", 2)


async def test_odd_bytes(town: Scene) -> None:
    """What no JSON parser reads alike is delivered byte for byte, newlines and all."""
    letter = dead_letter("mobility", body=b'{"a":"\\u0000\\ud83d","b":1e999999}\n{}\r\n\xff')
    assert await redeliver(town, letter) == Outcome(Delivered(200), "mobility", 2)
    assert (await town.got("mobility", letter.idempotency_key)).body == letter.body


async def test_a_home_menu(town: Scene) -> None:
    """A menu that failed is sent again through the Graph API."""
    sender = number()
    letter = dead_letter("wa-webhook-core", meta.text("menu", sender), reason="home")
    assert await redeliver(town, letter) == Outcome(Delivered(200), "wa-webhook-core", 2)
    assert [menu["to"] for menu in town.graph.sent()].count(sender) == 1


# -- not delivered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "outcome", "attempts"),
    [
        ([Answer(404)], Failed(FailureCode.CLIENT_ERROR, "answered 404", 404), 2),
        ([Answer(302)], Failed(FailureCode.REDIRECT, "answered 302: redirects are not followed", 302), 2),
        ([Answer(500), Answer(503), Answer(502)], Failed(FailureCode.SERVER_ERROR, "answered 502", 502), 4),
        ([Answer(429, {"Retry-After": "900"})], Failed(FailureCode.THROTTLED, "answered 429", 429, 900.0), 2),
        ([Answer(503), Answer(200)], Delivered(200), 3),
        (
            [Answer(422)],
            Abandoned(FailureCode.NEVER_RETRY, "answered 422, after which the route never tries again", 422),
            2,
        ),
    ],
)
async def test_what_a_service_answers(town: Scene, answers: list[Answer], outcome: Any, attempts: int) -> None:
    """The same outcomes as of a first delivery, with the last attempt's number; no new dead letter comes of it."""
    town.services["jobs"].answer_next(*answers)
    assert await redeliver(town, dead_letter("jobs")) == Outcome(outcome, "jobs", attempts)


async def test_a_service_that_hangs_and_has_no_room(town: Scene) -> None:
    """The delivery's deadline holds: a timeout is an outcome, not a lost connection. While it hangs and no slot of the
    route's concurrency comes free, another redelivery is parked, not queued without end.
    """
    body = encode(dead_letter("hanging"))
    first = asyncio.create_task(forward(town, body, sign_forward(body, INTERNAL, await now(town))))
    await town.services["hanging"].wait_for(1)
    outcome = await redeliver(town, dead_letter("hanging"))
    assert isinstance(outcome.outcome, Parked)
    assert (outcome.outcome.why, outcome.attempts) == ("busy", 1)
    timeout = Failed(FailureCode.TIMEOUT, "no whole answer in time")
    assert decode_outcome((await first).content) == Outcome(timeout, "hanging", 2)


async def test_parked_while_paused(town: Scene) -> None:
    """Under a pause nothing is sent or charged: to come back in 5 minutes."""
    letter = dead_letter("paused", attempt=3)
    outcome = await redeliver(town, letter)
    assert isinstance(outcome.outcome, Parked)
    assert (outcome.outcome.why, outcome.attempts) == ("paused", 2)
    until = outcome.outcome.until - await town.value("SELECT now()")
    assert timedelta(minutes=4) < until < timedelta(minutes=5, seconds=30)
    assert town.services["paused"].requests == []


async def test_parked_while_the_breaker_is_open_and_then_the_probe(town: Scene) -> None:
    """While a service's breaker is open a redelivery is parked until the probe; when that is due it is the probe. Its
    success closes the breaker, its failure opens it anew.
    """
    probe_at = await town.value(
        "INSERT INTO circuit_breakers (service, state, failures, opened_at, probe_at, updated_at)"
        " VALUES ('tripped', 'open', 1, now(), now() + interval '1 h', now()) RETURNING probe_at"
    )
    await town.until_breaker("tripped", "open")
    letter = dead_letter("tripped")
    assert await redeliver(town, letter) == Outcome(Parked("breaker_open", probe_at), "tripped", 1)
    assert town.services["tripped"].requests == []

    town.services["tripped"].answer_next(Answer(500), Answer(200))
    outcome = await probe(town, letter)
    assert outcome == Outcome(Failed(FailureCode.SERVER_ERROR, "answered 500", 500), "tripped", 2)
    await town.until(2, "SELECT failures FROM circuit_breakers WHERE service = 'tripped'")
    assert isinstance((await redeliver(town, letter)).outcome, Parked)

    assert len(town.services["tripped"].requests) == 1
    assert await probe(town, letter) == Outcome(Delivered(200), "tripped", 2)
    assert len(town.services["tripped"].requests) == 2
    await town.until("closed", "SELECT state FROM circuit_breakers WHERE service = 'tripped'")
    assert await redeliver(town, letter) == Outcome(Delivered(200), "tripped", 2)


async def probe(town: Scene, letter: Redelivery) -> Outcome:
    """The breaker's wait is over: parked, and nothing sent, until the router has learnt of it; then it is the probe."""
    await town.rows("UPDATE circuit_breakers SET probe_at = now() WHERE service = 'tripped'")
    async with asyncio.timeout(30):
        while isinstance((outcome := await redeliver(town, letter)).outcome, Parked):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return outcome


# -- a route that is gone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "route", "selection"),
    [
        (meta.text("3", "491700800001"), "jobs", "3"),
        (meta.text("a taxi please", "491700800002"), "mobility", None),
        (meta.button_reply("ins_9", "Yes", "491700800003"), "insurance", None),
    ],
)
async def test_decided_anew(town: Scene, message: meta.Json, route: str, selection: str | None) -> None:
    """Is its route gone, a message is decided anew by menu key, keyword and prefix, and its session left alone."""
    letter = dead_letter("closed-down", message, menu_selection="9")
    assert await redeliver(town, letter) == Outcome(Delivered(200), route, 2)
    got = await town.got(route, message["id"])
    assert got.headers["x-routed-service"] == route
    assert got.headers.get("x-menu-selection") == selection


@pytest.mark.parametrize("text", ["thanks", "menu"])
async def test_nothing_to_decide_by(town: Scene, text: str) -> None:
    """Where its text names no route it is abandoned: minutes later neither session nor home word speak for it."""
    sender = number()
    await town.say("job", sender)
    await town.settled()
    letter = dead_letter("closed-down", meta.text(text, sender), attempt=3)
    outcome = await redeliver(town, letter)
    assert isinstance(outcome.outcome, Abandoned)
    assert (outcome.outcome.code, outcome.attempts) == (FailureCode.ROUTE_GONE, 2)


async def test_a_menu_that_may_have_been_sent_is_not_sent_again(town: Scene) -> None:
    """A processor that is gone may have had it sent: nobody wants two menus."""
    letter = dead_letter(HOME_SERVICE, meta.text("menu", number()), taken_over=True)
    outcome = await redeliver(town, letter)
    assert isinstance(outcome.outcome, Abandoned)
    assert outcome.outcome.code is FailureCode.UNKNOWN_OUTCOME


async def test_a_young_event_of_an_unknown_route_waits(town: Scene) -> None:
    """While a new config rolls out, an old router parks what it does not know, and never sends it elsewhere."""
    received_at = datetime.fromtimestamp(await now(town) - 60, UTC)
    outcome = await redeliver(town, dead_letter("new-here", meta.text("taxi", number()), received_at=received_at))
    assert isinstance(outcome.outcome, Parked)
    assert (outcome.outcome.why, outcome.route, outcome.attempts) == ("route_unknown", "new-here", 1)


async def test_a_gone_route_of_what_is_no_message(town: Scene) -> None:
    """A status, several events, or bytes that are no notification: abandoned, never a 500."""
    two = meta.body(meta.text("taxi", number()), meta.text("taxi", number()))
    for body in (meta.status_body(meta.status()), two, b"taxi", b"", b"[" * 100_000):
        outcome = await redeliver(town, dead_letter("closed-down", body=body))
        assert isinstance(outcome.outcome, Abandoned)
        assert outcome.outcome.code is FailureCode.ROUTE_GONE


# -- who may ask --------------------------------------------------------------------------------------------------


async def test_only_who_holds_the_internal_secret(town: Scene) -> None:
    """401 for no signature, one of another secret, body or form, one older than 5 minutes or of the future, two of it,
    and for Meta's own; nothing is delivered.
    """
    letter = dead_letter("jobs")
    body, at = encode(letter), await now(town)
    good = sign_forward(body, INTERNAL, at)
    before = len(town.services["jobs"].requests)
    for signatures in (
        [],
        [""],
        [sign_forward(body, b"another secret", at)],
        [sign_forward(body, b"", at)],
        [sign_forward(body, APP_SECRET.encode(), at)],
        [sign_forward(body + b" ", INTERNAL, at)],
        [sign_forward(body, INTERNAL, at - 305)],
        [sign_forward(body, INTERNAL, at + 60)],
        [good.upper()],
        [good + "0"],
        [good.replace("v1=", "v2=")],
        [sign(body, INTERNAL)],
        [good, good],
    ):
        answer = await forward(town, body, *signatures)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_signature"), signatures
        assert answer.json()["requestId"] == answer.headers["X-Request-ID"]
    meta_signed = {"X-Hub-Signature-256": meta.signature(body, APP_SECRET)}
    answer = await town.http.post(f"{town.router.internal_url}/internal/deliver", content=body, headers=meta_signed)
    assert answer.status_code == 401
    assert len(town.services["jobs"].requests) == before
    assert (await forward(town, body, sign_forward(body, INTERNAL, at - 290))).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"{}\n{}", b"not json\nx", b"[]\n", b'{"id":"x"}\n', b"\xff\n\xff"])
async def test_what_is_no_redelivery(town: Scene, body: bytes) -> None:
    """400 not_a_redelivery: the processor takes it for a router that was not reached, and charges nothing."""
    answer = await forward(town, body, sign_forward(body, INTERNAL, await now(town)))
    assert (answer.status_code, answer.json()["error"]) == (400, "not_a_redelivery")


async def test_the_size_of_a_redelivery(town: Scene) -> None:
    """The largest event that is accepted fits, with what is said about it; more is 413."""
    message = meta.text("taxi", number())
    body = meta.body(message)
    letter = dead_letter("mobility", message, body=body + b" " * (3 * 1024 * 1024 - len(body)))
    assert await redeliver(town, letter) == Outcome(Delivered(200), "mobility", 2)
    head = post("/internal/deliver", b"x" * (4 * 1024 * 1024))[:200].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    answer = await exchange(town.router.internal_port, head)
    assert answer is not None
    assert (answer.status, answer.json()["error"]) == (413, "payload_too_large")


async def test_a_breaker_learns_from_redeliveries(town: Scene) -> None:
    """20 redeliveries that fail open a service's breaker as first deliveries do."""
    for _ in range(20):
        outcome = await redeliver(town, dead_letter("failing"))
        assert outcome == Outcome(Failed(FailureCode.SERVER_ERROR, "answered 500", 500), "failing", 2)
    await town.until("open", "SELECT coalesce(max(state), '') FROM circuit_breakers WHERE service = 'failing'")
    assert isinstance((await redeliver(town, dead_letter("failing"))).outcome, Parked)
