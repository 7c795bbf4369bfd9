"""What becomes of an event whose service does not take it: the dead letter, field by field."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import pytest_asyncio
from psycopg.rows import DictRow
from tests.support import meta
from tests.support.nasty import NastyServer, drips, hangs, resets
from tests.support.ports import free_port
from tests.support.postgres import Databases
from tests.support.scene import CLOCK_ERROR, Scene, number, scene
from tests.support.services import Answer, FakeService

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_MS = 600
MOMENT = timedelta(seconds=30)
CODES = ("302", "400", "404", "408", "409", "410", "413", "429", "500", "503", "504", "599")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A service for each status that it answers with; a word, `s404`, leads to it. `timeoutMs` is the longest that the
    settings allow: also then a lease covers a delivery.
    """
    routes: dict[str, dict[str, Any]] = {f"s{code}": {"keywords": [f"s{code}"]} for code in CODES}
    routes["once"] = {"keywords": ["once"], "retry": {"inRequest": 0, "never": []}}
    routes["nobody"] = {"keywords": ["nobody"], "url": f"http://127.0.0.1:{free_port()}/"}
    spec: dict[str, Any] = {"dlq": {"backoffMinutes": [3, 5]}, "router": {"timeoutMs": 30_000}}
    async with NastyServer(resets) as nasty:
        routes["resets"] = {"keywords": ["resets"], "url": nasty.url}
        async with scene(databases, tmp_path_factory.mktemp("outcomes"), routes, **spec) as it:
            for code in CODES:
                it.services[f"s{code}"].answer_with(Answer(int(code)))
            yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A router with little time, over services that never end their answers."""
    dripping = drips(b"x", after=b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    async with NastyServer(dripping) as drip, NastyServer(hangs) as hang:
        routes = {name: {"keywords": [name], "url": nasty.url} for name, nasty in (("drips", drip), ("hangs", hang))}
        folder = tmp_path_factory.mktemp("hasty")
        async with scene(databases, folder, routes, router={"timeoutMs": TIMEOUT_MS}) as it:
            yield it


async def letter_of(town: Scene, word: str, sender: str | None = None) -> tuple[DictRow, meta.Json]:
    message = meta.text(word, sender or number())
    await town.send(message)
    return await town.dead_letter(message["id"]), message


def check_next_retry(letter: DictRow, seconds: float) -> None:
    """The next retry is due so long after the attempt ended, which was within a moment of when the row was made."""
    assert abs(letter["created_at"] + timedelta(seconds=seconds) - letter["next_retry_at"]) < MOMENT


async def test_a_dead_letter_field_by_field(town: Scene) -> None:
    """Everything that the person on call and the processor need, and the event itself."""
    sender = number()
    message = meta.text("s404", sender)
    body = meta.body(message)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await town.post(body, {"X-Request-ID": "req-404", "X-Correlation-ID": "corr-404", "traceparent": trace})
    letter = await town.dead_letter(message["id"])
    created = letter["created_at"]
    assert letter.pop("id")
    assert abs(created - letter.pop("received_at")) < MOMENT
    check_next_retry(letter, 180)
    assert letter.pop("next_retry_at")
    assert bytes(letter.pop("body")) == body
    assert letter.pop("payload")["entry"][0]["changes"][0]["value"]["messages"] == [message]
    assert letter == {
        "message_id": message["id"],
        "from_number": sender,
        "error_message": "answered 404",
        "error_stack": None,
        "error_code": "ClientError",
        "retry_count": 0,
        "processed": False,
        "processed_at": None,
        "created_at": created,
        "updated_at": created,
        "abandoned_at": None,
        "route": "s404",
        "reason": "keyword",
        "menu_selection": None,
        "attempts": 1,
        "idempotency_key": message["id"],
        "correlation_id": "corr-404",
        "request_id": "req-404",
        "traceparent": trace,
        "lease_owner": None,
        "lease_until": None,
        "taken_over": False,
    }
    await town.settled()


@pytest.mark.parametrize(
    ("status", "code", "attempts"),
    [
        ("302", "Redirect", 1),
        ("404", "ClientError", 1),
        ("409", "ClientError", 1),
        ("410", "ClientError", 1),
        ("408", "Timeout", 3),
        ("429", "Throttled", 3),
        ("500", "ServerError", 3),
        ("503", "ServerError", 3),
        ("504", "ServerError", 3),
        ("599", "ServerError", 3),
    ],
)
async def test_a_status_and_its_dead_letter(town: Scene, status: str, code: str, attempts: int) -> None:
    """408, 429 and 5xx are tried twice more within the request; 3xx and other 4xx are not. Each waits for its retry."""
    letter, message = await letter_of(town, f"s{status}")
    tries = [request for request in town.services[f"s{status}"].requests if request.key == message["id"]]
    assert [request.attempt for request in tries] == list(range(1, attempts + 1))
    assert (letter["error_code"], letter["attempts"], letter["retry_count"]) == (code, attempts, 0)
    assert letter["error_message"].startswith(f"answered {status}")
    check_next_retry(letter, 180)
    assert letter["abandoned_at"] is None


@pytest.mark.parametrize("status", ["400", "413"])
async def test_a_code_of_the_never_list_is_abandoned_at_once(town: Scene, status: str) -> None:
    """Nothing is tried again after a code that the route's `never` names: abandoned, with no next retry."""
    letter, message = await letter_of(town, f"s{status}")
    assert town.services[f"s{status}"].keys().count(message["id"]) == 1
    assert (letter["error_code"], letter["attempts"], letter["processed"]) == ("NeverRetry", 1, False)
    assert letter["abandoned_at"] == letter["created_at"]
    assert letter["next_retry_at"] is None


async def test_a_redirect_is_not_followed(town: Scene) -> None:
    """Where a service points to another place, nothing is sent there."""
    async with FakeService() as elsewhere:
        town.services["s302"].answer_next(Answer(302, {"Location": elsewhere.url}))
        await letter_of(town, "s302")
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("retry_after", "tries", "seconds"),
    [("600", 1, 600), ("60", 1, 180), ("86400", 1, 3600), ("nonsense", 3, 180), ("-1", 3, 180)],
)
async def test_retry_after_sets_the_earliest_next_try(town: Scene, retry_after: str, tries: int, seconds: int) -> None:
    """A later Retry-After wins over the backoff of 3 minutes, up to an hour; within the request it is not waited for
    past the deadline.
    """
    town.services["s429"].answer_with(Answer(429, {"Retry-After": retry_after}))
    letter, message = await letter_of(town, "s429")
    assert town.services["s429"].keys().count(message["id"]) == tries
    check_next_retry(letter, seconds)
    town.services["s429"].answer_with(Answer(429))


async def test_retry_after_as_a_date(town: Scene) -> None:
    """The date form, told by the database's clock."""
    now = (await town.value("SELECT now()")).astimezone(UTC)
    date = format_datetime(now + timedelta(minutes=20), usegmt=True)
    town.services["once"].answer_next(Answer(503, {"Retry-After": date}))
    letter, _ = await letter_of(town, "once")
    wait = letter["next_retry_at"] - now
    assert abs(wait - timedelta(minutes=20)) < MOMENT


@pytest.mark.parametrize(("word", "why"), [("nobody", "no connection"), ("resets", "no whole answer")])
async def test_a_broken_connection(town: Scene, word: str, why: str) -> None:
    """A connection that is refused or reset is tried again, then a dead letter that says so."""
    letter, _ = await letter_of(town, word)
    assert (letter["error_code"], letter["attempts"]) == ("Network", 3)
    assert letter["error_message"].startswith(why)


@pytest.mark.parametrize("word", ["hangs", "drips"])
async def test_a_service_without_an_end(hasty: Scene, word: str) -> None:
    """One deadline over the whole delivery: after timeoutMs a dead letter, whatever the service still does."""
    letter, _ = await letter_of(hasty, word)
    assert (letter["error_code"], letter["attempts"]) == ("Timeout", 1)
    assert letter["error_message"] == "no whole answer in time"
    assert letter["created_at"] - letter["received_at"] >= timedelta(milliseconds=TIMEOUT_MS) - CLOCK_ERROR
    assert letter["abandoned_at"] is None


async def test_one_bad_event_holds_up_nobody_of_its_lane(town: Scene) -> None:
    """After a dead letter the next event of the same lane is delivered: a dead letter steps out of its lane."""
    sender = number()
    bad, good = meta.text("once bad", sender), meta.text("once good", sender)
    town.services["once"].answer_next(Answer(500), Answer(200))
    await town.send(bad, good)
    await town.got("once", good["id"])
    assert (await town.dead_letter(bad["id"]))["error_code"] == "ServerError"
    await town.settled()
    keys = town.services["once"].keys()
    assert keys.index(bad["id"]) < keys.index(good["id"])
    assert await town.rows("SELECT 1 FROM wa_dead_letter_queue WHERE message_id = %s", good["id"]) == []
