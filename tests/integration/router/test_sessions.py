"""Which service somebody is talking to: what starts, keeps and ends a session, as the database shows it."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

Make = Callable[[str], meta.Json]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Two routers; sessions last an hour."""
    spec: dict[str, Any] = {"sessions": {"ttlHours": 1}, "router": {"rateLimit": {"messagesPerMinute": 600}}}
    async with scene(databases, tmp_path_factory.mktemp("sessions"), TOWN, routers=2, **spec) as it:
        yield it


async def age(town: Scene, sender: str, minutes: float) -> None:
    """The session's last interaction was so long ago."""
    statement = "UPDATE user_sessions SET last_interaction = now() - %s WHERE phone_number = %s"
    await town.rows(statement, timedelta(minutes=minutes), sender)


def says(text: str) -> Make:
    return lambda sender: meta.text(text, sender)


@pytest.mark.parametrize(
    ("make", "route", "reason", "after"),
    [
        pytest.param(says("TAXI"), "mobility", "keyword", "mobility", id="keyword"),
        pytest.param(says("3"), "jobs", "menu_key", "jobs", id="menu key"),
        pytest.param(says("\uff13\ufe0f\u20e3"), "jobs", "menu_key", "jobs", id="keycap of a menu key"),
        pytest.param(says("a taxi, please"), "mobility", "keyword_in_text", "mobility", id="keyword in a text"),
        pytest.param(
            lambda sender: meta.list_reply("jobs", "Jobs", sender), "jobs", "reply_id", "jobs", id="row of the menu"
        ),
        pytest.param(
            lambda sender: meta.button_reply("job_7", "Yes", sender), "jobs", "state_prefix", "jobs", id="state prefix"
        ),
        pytest.param(
            lambda sender: meta.button_reply("taxi", "Yes", sender), "mobility", "keyword", "mobility", id="reply id"
        ),
        pytest.param(says("Menu"), "wa-webhook-core", "home", None, id="home word"),
        pytest.param(says("what now"), "insurance", "session", "insurance", id="nothing known"),
        pytest.param(says("taxis"), "insurance", "session", "insurance", id="part of a word"),
        pytest.param(says("say hello to him"), "insurance", "session", "insurance", id="home word in a text"),
        pytest.param(meta.audio, "mobility", "media", "insurance", id="audio"),
        pytest.param(lambda sender: meta.reaction(sender=sender), "insurance", "session", "insurance", id="reaction"),
        pytest.param(meta.location, "insurance", "session", "insurance", id="location"),
        pytest.param(
            lambda sender: meta.button_reply("yes_1", "taxi", sender), "insurance", "session", "insurance",
            id="title of a reply whose id says nothing",
        ),
    ],
)  # fmt: skip
async def test_what_a_message_does_to_a_session(
    town: Scene, make: Make, route: str, reason: str, after: str | None
) -> None:
    """Somebody who talks to insurance: where the next message goes, and who is active after it."""
    sender = number()
    await town.say("insurance", sender, router=town.routers[1])
    before = await town.session(sender)
    answer = await town.send(make(sender))
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == (route, reason)
    session = await town.session(sender)
    assert session["active_service"] == after
    age_now = await town.value("SELECT now() - %s", session["last_interaction"])
    assert abs(age_now) < timedelta(minutes=1)  # a router knows the database's clock but nearly
    assert session["last_interaction"] == session["updated_at"] != before["updated_at"]
    assert session["created_at"] == before["created_at"]


@pytest.mark.parametrize(
    ("make", "route", "reason"),
    [
        (says("what now"), "wa-webhook-core", "fallback"),
        (meta.audio, "mobility", "media"),
        (lambda sender: meta.button_reply("x", "taxi", sender), "mobility", "keyword"),
    ],
)
async def test_the_first_message_of_somebody(town: Scene, make: Make, route: str, reason: str) -> None:
    """Audio and the fallback make no service active; a reply's title speaks when its id decided nothing."""
    sender = number()
    answer = await town.send(make(sender))
    assert (answer.headers["X-Routed-Service"], answer.headers["X-Routing-Reason"]) == (route, reason)
    expected = "mobility" if reason == "keyword" else None
    assert (await town.session(sender))["active_service"] == expected


async def test_a_session_ends_with_its_time(town: Scene) -> None:
    """A minute before its time is up a session holds, a minute after it does not."""
    sender = number()
    await town.say("job", sender)
    await age(town, sender, 59)
    assert await town.say("and then", sender) == ("jobs", "session")
    await age(town, sender, 61)
    assert await town.say("and then", sender) == ("wa-webhook-core", "fallback")


@pytest.mark.parametrize(("make", "route"), [(says("and then"), "wa-webhook-core"), (meta.audio, "mobility")])
async def test_a_session_that_ended_does_not_begin_again_by_itself(town: Scene, make: Make, route: str) -> None:
    """A message that chooses nothing, after a session's time, does not make the old service active again."""
    sender = number()
    await town.say("job", sender)
    await age(town, sender, 61)
    assert (await town.send(make(sender))).headers["X-Routed-Service"] == route
    assert (await town.session(sender))["active_service"] is None
    assert await town.say("and then", sender) == ("wa-webhook-core", "fallback")


async def test_a_session_whose_route_is_gone(town: Scene) -> None:
    """A service that the configuration no longer names is nobody's active service."""
    sender = number()
    await town.say("job", sender)
    await town.rows("UPDATE user_sessions SET active_service = 'closed-down' WHERE phone_number = %s", sender)
    assert await town.say("and then", sender) == ("wa-webhook-core", "fallback")


async def test_routers_share_sessions(town: Scene) -> None:
    """What one router keeps of a sender the other one knows at once."""
    sender = number()
    first, second = town.routers
    assert await town.say("job", sender, router=first) == ("jobs", "keyword")
    assert await town.say("tell me more", sender, router=second) == ("jobs", "session")
    assert await town.say("exit", sender, router=second) == ("wa-webhook-core", "home")
    assert await town.say("tell me more", sender, router=first) == ("wa-webhook-core", "fallback")


async def test_what_others_keep_in_a_session_stays(town: Scene) -> None:
    """`context` and the row's id are not the router's: it leaves them alone."""
    sender = number()
    await town.say("job", sender)
    statement = "UPDATE user_sessions SET context = '{\"step\": 4}' WHERE phone_number = %s RETURNING id, created_at"
    before = await town.row(statement, sender)
    await town.say("taxi", sender)
    session = await town.session(sender)
    assert session["context"] == {"step": 4}
    assert {"id": session["id"], "created_at": session["created_at"]} == before


async def test_the_published_count_of_active_sessions(town: Scene) -> None:
    """The statement of the design counts who talks to a service now."""
    counts = "SELECT COUNT(*) FROM user_sessions WHERE active_service IS NOT NULL"
    before = await town.value(counts)
    talking, leaving = number(), number()
    for sender in (talking, leaving):
        await town.say("job", sender)
    await town.say("exit", leaving)
    assert await town.value(counts) == before + 1
