"""The rate limit of a sender, counted across routers: messages above it are delayed, refused or dropped."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


def limited(per_minute: int, on_exceed: str) -> dict[str, Any]:
    return {"router": {"rateLimit": {"messagesPerMinute": per_minute, "onExceed": on_exceed}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def delaying(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Two routers; 60 messages at once, then one each second."""
    folder = tmp_path_factory.mktemp("delaying")
    async with scene(databases, folder, TOWN, routers=2, **limited(60, "Delay")) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rejecting(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(databases, tmp_path_factory.mktemp("rejecting"), TOWN, **limited(2, "Reject")) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dropping(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(databases, tmp_path_factory.mktemp("dropping"), TOWN, **limited(2, "Drop")) as it:
        yield it


async def a_minute_passes(town: Scene, sender: str) -> None:
    await town.rows("UPDATE user_sessions SET rate_tat = rate_tat - interval '1 min' WHERE phone_number = %s", sender)


async def test_two_routers_count_together_and_release_in_order(delaying: Scene) -> None:
    """60 messages through two routers go at once; the next four, a home word among them, are all accepted and released
    one a second, in order, the home word in its turn. A session decision does not wait: it is made at acceptance.
    """
    sender, other = number(), number()
    started = time.monotonic()
    burst = [meta.text(f"taxi {place}", sender) for place in range(60)]
    for half in (burst[:20], burst[20:50], burst[50:]):
        await delaying.send(*half, router=delaying.routers[half is burst[:20]])
    above = [meta.text(text, sender) for text in ("taxi 60", "taxi 61", "menu", "taxi 62")]
    for place, message in enumerate(above):
        answer = await delaying.send(message, router=delaying.routers[place % 2])
        assert answer.headers["X-Routed-Service"] == ("wa-webhook-core" if place == 2 else "mobility")

    rows = await delaying.rows("SELECT message_id, due_at FROM inbox WHERE sender = %s", sender)
    due = {row["message_id"]: row["due_at"] for row in rows}
    assert due[above[2]["id"]] < due[above[3]["id"]], "the menu's turn is before what was written after it"
    await delaying.send(meta.text("taxi", other))
    await delaying.got("mobility", burst[59]["id"])
    arrivals = [await delaying.got("mobility", above[place]["id"]) for place in (0, 1, 3)]
    menus = delaying.graph
    await menus.wait_until(lambda: any(each.json()["to"] == sender for each in menus.requests), what="the menu")
    menu = next(request for request in menus.requests if request.json()["to"] == sender)
    mobility = delaying.services["mobility"]
    mine = [request.key for request in mobility.requests if request.value()["messages"][0]["from"] == sender]
    assert mine[60:] == [above[place]["id"] for place in (0, 1, 3)]
    assert arrivals[0].at < arrivals[1].at < arrivals[2].at
    # Released no sooner than the limit says; the clocks of two routers differ by less than the half second left.
    for place, request in enumerate([*arrivals[:2], menu, arrivals[2]], start=1):
        assert request.at >= started + place - 0.5


async def test_delayed_messages_survive_their_router(delaying: Scene) -> None:
    """What waits for its release waits in the inbox, owned by nobody: any router releases it."""
    sender = number()
    messages = [meta.text("job", sender) for _ in range(61)]
    await delaying.send(*messages[:60])
    await delaying.rows("UPDATE user_sessions SET rate_tat = rate_tat + interval '1 h' WHERE phone_number = %s", sender)
    await delaying.send(messages[60])
    waiting = await delaying.row("SELECT owner, attempts FROM inbox WHERE message_id = %s", messages[60]["id"])
    assert waiting == {"owner": None, "attempts": 0}
    await delaying.rows("UPDATE inbox SET due_at = now() WHERE message_id = %s", messages[60]["id"])
    assert (await delaying.got("jobs", messages[60]["id"])).attempt == 1


async def test_a_repeat_counts_nothing(delaying: Scene) -> None:
    """100 repeats of one message and 100 statuses leave the sender's limit as it was."""
    sender = number()
    message = meta.text("taxi", sender)
    await delaying.send(message)
    before = (await delaying.session(sender))["rate_tat"]
    await delaying.send(*[message] * 100)
    await delaying.post(meta.status_body(*(meta.status("read", sender) for _ in range(100))))
    assert (await delaying.session(sender))["rate_tat"] == before


async def test_reject(rejecting: Scene) -> None:
    """429 with Retry-After for a notification of which some events are over the limit; the others of it are committed
    and delivered. A refused event leaves nothing behind: when Meta sends it all again, only that one is new.
    """
    sender, other = number(), number()
    within = [meta.text("taxi", sender), meta.text("job", sender), meta.text("cover", other)]
    above = meta.text("insurance", sender)
    body = meta.batch_body(within[0], within[1], above, within[2])
    answer = await rejecting.post(body)
    assert answer.status_code == 429
    assert answer.json() == {
        "error": "rate_limited",
        "message": "1 of 4 events are over their sender's rate limit and were not kept",
        "requestId": answer.headers["X-Request-ID"],
    }
    assert answer.headers["Retry-After"] == "30"
    assert answer.headers["X-Event-Count"] == "4"
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("mobility", "keyword")
    for service, message in zip(("mobility", "jobs", "insurance"), within, strict=True):
        await rejecting.got(service, message["id"])
    assert (await rejecting.session(sender))["active_service"] == "jobs"
    assert await rejecting.value("SELECT count(*) FROM inbox WHERE message_id = %s", above["id"]) == 0

    assert (await rejecting.post(body)).status_code == 429
    await a_minute_passes(rejecting, sender)
    again = await rejecting.post(body)
    assert (again.status_code, again.headers["X-Routing-Reason"]) == (200, "duplicate")
    await rejecting.got("insurance", above["id"])
    await rejecting.settled()
    assert rejecting.services["mobility"].keys().count(within[0]["id"]) == 1
    assert (await rejecting.session(sender))["active_service"] == "insurance"


async def test_reject_when_nothing_is_within(rejecting: Scene) -> None:
    """A notification of which every event is over the limit: 429, the first event's reason is the limit."""
    sender = number()
    await rejecting.send(meta.text("taxi", sender), meta.text("taxi", sender))
    answer = await rejecting.post(meta.body(meta.text("taxi", sender)))
    assert answer.status_code == 429
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("none", "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 30


async def test_drop(dropping: Scene) -> None:
    """200 and forgotten: delivered to nobody, no session decision, and a repeat of it is a repeat."""
    sender = number()
    within = [meta.text("taxi", sender), meta.text("taxi", sender)]
    above = meta.text("cover", sender)
    await dropping.send(*within)
    answer = await dropping.send(above)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("none", "rate_limited")
    await a_minute_passes(dropping, sender)
    answer = await dropping.send(above)
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == ("none", "duplicate")
    await dropping.settled()
    assert dropping.services["insurance"].requests == []
    assert (await dropping.session(sender))["active_service"] == "mobility"


@pytest.mark.parametrize("action", ["Delay", "Reject", "Drop"])
async def test_who_is_limited_is_an_event(delaying: Scene, rejecting: Scene, dropping: Scene, action: str) -> None:
    """CORE_RATE_LIMITED: the sender as a pseudonym, what was done about it, and for how long."""
    town, sender = {"Delay": delaying, "Reject": rejecting, "Drop": dropping}[action], number()
    within = 60 if action == "Delay" else 2
    messages = [meta.text("taxi", sender) for _ in range(within + 1)]
    await town.post(meta.body(*messages), {"X-Request-ID": "limited-1"})

    def told() -> list[dict[str, Any]]:
        return [event for event in town.router.events("CORE_RATE_LIMITED") if event["requestId"] == "limited-1"]

    await town.router.wait_until(lambda: bool(told()))
    (event,) = told()
    assert event["onExceed"] == action
    assert event["waitSeconds"] is None if action == "Drop" else 0 < event["waitSeconds"] <= 30
    decided = [event for event in town.router.events("CORE_ROUTING_DECISION") if event["requestId"] == "limited-1"]
    assert [event["reason"] for event in decided] == [
        *["keyword"] * within,
        "keyword" if action == "Delay" else "rate_limited",
    ]
    assert {event["sender"] for event in [*decided, event]} == {event["sender"]}
    assert sender not in town.router.output()


async def test_many_at_once_through_two_routers(delaying: Scene) -> None:
    """80 messages of one sender posted at the same time to both routers count as 80: no two of them as one."""
    sender = number()
    messages = [meta.text("cover", sender) for _ in range(80)]
    answers = await asyncio.gather(
        *(
            delaying.post(meta.body(message), router=delaying.routers[place % 2])
            for place, message in enumerate(messages)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    counted = "SELECT extract(epoch FROM rate_tat - created_at) FROM user_sessions WHERE phone_number = %s"
    assert await delaying.value(counted, sender) == 80
    await delaying.rows("DELETE FROM inbox WHERE sender = %s AND owner IS NULL", sender)
