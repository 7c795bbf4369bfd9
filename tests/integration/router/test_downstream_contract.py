"""What a service may rely on: every header of a delivery, and how it proves where it comes from."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support import meta
from tests.support.postgres import Databases
from tests.support.scene import TOWN, Scene, number, scene
from tests.support.services import Answer

from webhookcore import __version__

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = {
    "WEBHOOKCORE_SECRET_INSURANCE_KEY": "insurance-own-secret",
    "WEBHOOKCORE_SECRET_JOBS_TOKEN": "jobs-own-token",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Insurance gets signatures, jobs a bearer token, mobility nothing."""
    routes: dict[str, dict[str, Any]] = {name: dict(fields) for name, fields in TOWN.items()}
    routes["insurance"]["secretRef"] = {"name": "insurance", "key": "key"}
    routes["jobs"]["secretRef"] = {"name": "jobs", "key": "token", "use": "Bearer"}
    async with scene(databases, tmp_path_factory.mktemp("downstream"), routes, env=SECRETS) as it:
        yield it


async def test_every_header(town: Scene) -> None:
    """The whole request: method, path, body, and each header with its value; nothing of Meta's own, no other secret."""
    message = meta.text("1", number())
    body = meta.body(message)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    given = {"X-Request-ID": "req-1", "X-Correlation-ID": "corr-1", "traceparent": trace, "X-Menu-Selection": "forged"}
    before = datetime.now(UTC)
    assert (await town.post(body, given)).status_code == 200
    got = await town.got("mobility", message["id"])
    received_at = got.headers["x-wa-received-at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", received_at)
    assert abs(datetime.fromisoformat(received_at) - before) < timedelta(minutes=1)
    assert (got.method, got.target, got.body) == ("POST", "/webhook", body)
    assert {name: text for name, text in got.headers.items() if name != "x-wa-received-at"} == {
        "host": f"127.0.0.1:{town.services['mobility'].port}",
        "user-agent": f"webhookcore/{__version__}",
        "accept": "*/*",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-routed-from": "wa-webhook-core",
        "x-routed-service": "mobility",
        "x-request-id": "req-1",
        "x-correlation-id": "corr-1",
        "x-menu-selection": "1",
        "idempotency-key": message["id"],
        "x-wa-attempt": "1",
        "traceparent": trace,
    }


async def test_only_a_menu_choice_is_a_menu_selection(town: Scene) -> None:
    """X-Menu-Selection is there when a menu key chose the service, by key or by the menu's row, and not otherwise."""
    sender = number()
    chosen, row = meta.text("2", sender), meta.list_reply("insurance", "Insurance", sender)
    keyword, session = meta.text("cover", sender), meta.text("thanks", sender)
    await town.send(chosen, row, keyword, session)
    selections = [
        (await town.got("insurance", message["id"])).headers.get("x-menu-selection")
        for message in (chosen, row, keyword, session)
    ]
    assert selections == ["2", "2", None, None]


async def test_a_service_with_a_secret_gets_a_signature_made_with_it(town: Scene) -> None:
    """X-Hub-Signature-256 over the delivered bytes, with the service's own secret; also where one of several came."""
    first, second = meta.text("cover", number()), meta.text("insurance", number())
    await town.send(first, second)
    for message in (first, second):
        got = await town.got("insurance", message["id"])
        assert got.headers["x-hub-signature-256"] == meta.signature(got.body, "insurance-own-secret")
        assert "authorization" not in got.headers


async def test_a_service_with_a_token_gets_it(town: Scene) -> None:
    """A bearer token instead of a signature."""
    message = meta.text("job", number())
    await town.send(message)
    got = await town.got("jobs", message["id"])
    assert got.headers["authorization"] == "Bearer jobs-own-token"
    assert "x-hub-signature-256" not in got.headers


async def test_a_trace_begins_here_where_none_came(town: Scene) -> None:
    """A missing or broken traceparent becomes a new one; two notifications never share it."""
    traces = []
    for given in ({}, {"traceparent": "00-00000000000000000000000000000000-0000000000000000-01"}, {"traceparent": "x"}):
        message = meta.text("taxi", number())
        assert (await town.post(meta.body(message), given)).status_code == 200
        traces.append((await town.got("mobility", message["id"])).headers["traceparent"])
    for trace in traces:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace)
    assert len(set(traces)) == 3


async def test_an_event_without_an_id_has_a_key_all_the_same(town: Scene) -> None:
    """Idempotency-Key is a message's id where it fits into a header; else the dedupe key, the same for a repeat."""
    odd = meta.text("taxi", number(), id="wamid.\u00e9")
    body = meta.body(odd)
    first = await town.post(body)
    again = await town.post(body)
    assert (first.headers["X-Routing-Reason"], again.headers["X-Routing-Reason"]) == ("keyword", "duplicate")
    key = bytes(await town.value("SELECT key FROM dedupe_keys ORDER BY seen_at DESC LIMIT 1")).hex()
    assert (await town.got("mobility", key)).body == body


async def test_each_try_of_a_request_is_counted(town: Scene) -> None:
    """Within one delivery a 503 is tried again with the next X-WA-Attempt and nothing else changed."""
    mobility = town.services["mobility"]
    mobility.answer_next(Answer(503), Answer(503), Answer(200))
    message = meta.text("taxi", number())
    await town.send(message)
    await town.settled()
    tries = [request for request in mobility.requests if request.key == message["id"]]
    assert [request.attempt for request in tries] == [1, 2, 3]
    assert len({request.body for request in tries}) == 1
    without = [{name: text for name, text in it.headers.items() if name != "x-wa-attempt"} for it in tries]
    assert without == [without[0]] * 3


async def test_an_answer_is_read_and_dropped(town: Scene) -> None:
    """204 and 201 are delivered as 200 is; what a service answers is nowhere afterwards."""
    mobility = town.services["mobility"]
    for answer in (Answer(204), Answer(201, body=b"a-secret-answer"), Answer(200, body=b"x" * 100_000)):
        mobility.answer_next(answer)
        message = meta.text("taxi", number())
        await town.send(message)
        await town.got("mobility", message["id"])
    await town.settled()
    assert await town.value("SELECT count(*) FROM wa_dead_letter_queue") == 0
    assert "a-secret-answer" not in town.router.output()
