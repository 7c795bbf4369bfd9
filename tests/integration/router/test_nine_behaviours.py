"""The nine behaviours that such routers are known for: each seen from outside, through a whole router."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

from webhookcore import __version__

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("nine")
    async with scene(databases, folder, TOWN, router={"rateLimit": {"messagesPerMinute": 5}}) as it:
        yield it


@pytest.mark.parametrize("path", ["/health", "/wa-webhook-core/health"])
async def test_health(town: Scene, path: str) -> None:
    """Health: who it is, that its database answers and how fast, and each service by its breaker; at both paths."""
    answer = await town.http.get(town.router.health_url.replace("/health", path))
    assert answer.status_code == 200
    told = answer.json()
    age = datetime.now(UTC) - datetime.fromisoformat(told.pop("timestamp"))
    assert abs(age) < timedelta(minutes=1)
    assert re.fullmatch(r"\d+\.\d+ms", told["checks"].pop("latency"))
    assert told == {
        "status": "healthy",
        "service": "wa-webhook-core",
        "checks": {"database": True},
        "microservices": {"mobility": True, "insurance": True, "jobs": True},
        "circuitBreakers": {
            "mobility": "closed",
            "insurance": "closed",
            "jobs": "closed",
            "wa-webhook-core": "closed",
        },
        "version": __version__,
    }


async def test_keyword(town: Scene) -> None:
    """Keyword: as the whole text it is `keyword`, inside a sentence `keyword_in_text`; its service gets the message."""
    sender = number()
    whole, inside = meta.text("  TAXI ", sender), meta.text("I need insurance, please", sender)
    first = await town.send(whole)
    assert (first.headers["X-Routed-Service"], first.headers["X-Routing-Reason"]) == ("mobility", "keyword")
    second = await town.send(inside)
    assert (second.headers["X-Routed-Service"], second.headers["X-Routing-Reason"]) == ("insurance", "keyword_in_text")
    assert (await town.got("mobility", whole["id"])).text() == "  TAXI "
    assert (await town.got("insurance", inside["id"])).text() == "I need insurance, please"


async def test_menu_and_home(town: Scene) -> None:
    """Menu and home: a home word brings the menu through the Graph API, its row or key chooses a service, and home
    again leaves it.
    """
    sender = number()
    assert await town.say("Hello", sender) == ("wa-webhook-core", "home")
    await town.graph.wait_until(lambda: sender in [menu["to"] for menu in town.graph.sent()], what="the menu")
    menu = next(menu for menu in town.graph.sent() if menu["to"] == sender)
    rows = menu["interactive"]["action"]["sections"][0]["rows"]
    assert rows == [
        {"id": "mobility", "title": "Rides", "description": "Taxi and moto"},
        {"id": "insurance", "title": "Insurance"},
        {"id": "jobs", "title": "Jobs"},
    ]

    chosen = meta.list_reply(rows[2]["id"], rows[2]["title"], sender)
    answer = await town.send(chosen)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("jobs", "reply_id")
    assert (await town.got("jobs", chosen["id"])).headers["x-menu-selection"] == "3"
    assert (await town.session(sender))["active_service"] == "jobs"

    assert await town.say("2", sender) == ("insurance", "menu_key")
    assert await town.say("exit", sender) == ("wa-webhook-core", "home")
    assert (await town.session(sender))["active_service"] is None


async def test_state(town: Scene) -> None:
    """State: a reply id with a service's prefix goes there, whatever service was active, and makes it active."""
    sender = number()
    assert await town.say("job", sender) == ("jobs", "keyword")
    tapped = meta.button_reply("trip_42_confirm", "Confirm", sender)
    answer = await town.send(tapped)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("mobility", "state_prefix")
    await town.got("mobility", tapped["id"])
    assert await town.say("at the station", sender) == ("mobility", "session")


async def test_fallback(town: Scene) -> None:
    """Fallback: somebody unknown who says nothing known gets the home menu, and no session with a service."""
    sender = number()
    assert await town.say("what is this", sender) == ("wa-webhook-core", "fallback")
    await town.graph.wait_until(lambda: sender in [menu["to"] for menu in town.graph.sent()], what="the menu")
    assert (await town.session(sender))["active_service"] is None


async def test_rate_limit(town: Scene) -> None:
    """Rate limit: of 6 messages at 5 a minute all are accepted; the sixth is kept, to be released 12 s later."""
    sender, other = number(), number()
    messages = [meta.text(f"ride {place}", sender) for place in range(6)]
    answer = await town.send(*messages, meta.text("ride", other))
    assert answer.headers["X-Event-Count"] == "7"
    for message in messages[:5]:
        await town.got("mobility", message["id"])
    waits = "SELECT message_id, owner, due_at - received_at AS wait FROM inbox WHERE sender = %s AND owner IS NULL"
    waiting = await town.row(waits, sender)
    assert waiting["message_id"] == messages[5]["id"]
    assert waiting["owner"] is None
    assert timedelta(seconds=12) <= waiting["wait"] < timedelta(seconds=24)


async def test_correlation_id(town: Scene) -> None:
    """Correlation id: the caller's goes into the answer, to the service and into the events, else the request's."""
    message = meta.text("ride", number())
    answer = await town.post(meta.body(message), {"X-Correlation-ID": "trace-me-1"})
    assert answer.headers["X-Correlation-ID"] == "trace-me-1"
    assert (await town.got("mobility", message["id"])).headers["x-correlation-id"] == "trace-me-1"
    await town.router.wait_until(
        lambda: any(event["correlationId"] == "trace-me-1" for event in town.router.events("CORE_DELIVERED"))
    )

    message = meta.text("ride", number())
    answer = await town.post(meta.body(message))
    assert answer.headers["X-Correlation-ID"] == answer.headers["X-Request-ID"]
    assert (await town.got("mobility", message["id"])).headers["x-correlation-id"] == answer.headers["X-Request-ID"]


async def test_latency_header(town: Scene) -> None:
    """Latency header: every answer tells how long it took, in whole milliseconds; refusals and health too."""
    good = await town.post(meta.body(meta.text("ride", number())))
    refused = await town.post(b"{}", {"X-Hub-Signature-256": "sha256=00"})
    health = await town.http.get(town.router.health_url)
    missing = await town.http.get(town.router.health_url + "/nothing")
    assert [good.status_code, refused.status_code, health.status_code, missing.status_code] == [200, 401, 200, 404]
    for answer in (good, refused, health, missing):
        assert re.fullmatch(r"\d+ms", answer.headers["X-WA-Core-Latency"])


async def test_request_id(town: Scene) -> None:
    """Request id: the caller's if it is sane, else a new UUID; never what could inject into a log or a header."""
    answer = await town.post(meta.body(meta.text("ride", number())), {"X-Request-ID": "req-7.a:b/c+d=~"})
    assert answer.headers["X-Request-ID"] == "req-7.a:b/c+d=~"
    for odd in ("", "a b", "x" * 129, '"quoted"', "a\tb", b"\xc3\xa9".decode("latin-1")):
        headers = {"X-Request-ID": odd.encode("latin-1")}
        url = town.router.health_url
        answer = await town.http.get(url, headers=headers)  # type: ignore[arg-type] # bytes on purpose
        assert str(UUID(answer.headers["X-Request-ID"])) == answer.headers["X-Request-ID"]
