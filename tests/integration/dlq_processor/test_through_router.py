"""The dlq-processor, a real router and real services: a dead letter's whole way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import meta
from tests.support.config import environment
from tests.support.dead_letters import due, insert, letter
from tests.support.postgres import Databases
from tests.support.scene import Scene, number, scene
from tests.support.services import Answer

from webhookcore.settings import load_settings
from webhookcore_workers import dlq_processor

ROUTES: dict[str, dict[str, Any]] = {
    "rides": {"keywords": ["ride"]},
    "jobs": {"keywords": ["job"], "retry": {"inRequest": 0, "never": [422]}},
    "cover": {"keywords": ["cover"], "paused": True},
}


@pytest.fixture
async def town(databases: Databases, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(databases, tmp_path, ROUTES) as town:
        yield town


async def process(town: Scene) -> dict[str, Any]:
    """One run against the first router."""
    env = environment(town.database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=town.router.internal_url)
    done = await dlq_processor.run(load_settings(town.write_config(), env))
    assert done.code == 0, done
    return {name: count for name, count in done.result.items() if count and name not in {"durationMs", "success"}}


async def make_due(town: Scene) -> None:
    """As if the wait were over."""
    await town.rows("UPDATE wa_dead_letter_queue SET next_retry_at = now() - interval '1 s' WHERE NOT processed")


async def test_a_service_that_was_down_gets_its_message(town: Scene) -> None:
    """Failed, dead-lettered, failed again, delivered: the same key and bytes, attempts that only rise, processed."""
    service, sender = town.services["jobs"], number()
    service.answer_next(Answer(500), Answer(500), Answer(200))
    message = meta.text("job", sender)
    await town.send(message)
    key = message["id"]
    await town.dead_letter(key)
    await make_due(town)
    assert await process(town) == {"processed": 1, "failed": 1}
    await make_due(town)
    assert await process(town) == {"processed": 1, "successful": 1}
    first, *others = service.requests
    assert [request.attempt for request in service.requests] == [1, 2, 3]
    assert {request.key for request in service.requests} == {key}
    assert all(request.body == first.body for request in others)
    row = await town.row("SELECT processed, retry_count, attempts FROM wa_dead_letter_queue")
    assert row == {"processed": True, "retry_count": 1, "attempts": 3}


async def test_each_outcome(town: Scene) -> None:
    """A code that is never retried is abandoned, a paused route parks and charges nothing, a route that is gone too."""
    town.services["jobs"].answer_with(Answer(422))
    ids = insert(
        town.database_url,
        [
            letter(route="rides"),
            letter(route="jobs"),
            letter(route="cover"),
            letter(route="gone", body=b'{"entry": []}', received_at=due(60)),
        ],
    )
    assert await process(town) == {"processed": 3, "successful": 1, "failed": 2, "abandoned": 2, "parked": 1}
    found = await town.rows(
        "SELECT id, processed, abandoned_at IS NOT NULL AS gone, error_code, retry_count, attempts"
        " FROM wa_dead_letter_queue"
    )
    by_id = {row.pop("id"): row for row in found}
    before = {"processed": False, "gone": False, "error_code": "ServerError", "retry_count": 0}
    assert by_id[ids[0]] == {**before, "processed": True, "attempts": 2}
    assert by_id[ids[1]] == {**before, "gone": True, "error_code": "NeverRetry", "retry_count": 1, "attempts": 2}
    assert by_id[ids[2]] == {**before, "attempts": 2}
    assert by_id[ids[3]] == {**before, "gone": True, "error_code": "RouteGone", "retry_count": 1, "attempts": 2}


async def test_a_new_message_waits_for_the_redelivery_of_its_lane(town: Scene) -> None:
    """One request of a lane at a time, whoever sends it; other senders do not wait."""
    service, sender, other, free = town.services["rides"], number(), number(), asyncio.Event()
    service.answer_next(Answer(200, after=free))
    insert(town.database_url, [letter(route="rides", from_number=sender, idempotency_key="old", next_retry_at=due(2))])
    running = asyncio.create_task(process(town))
    await service.wait_for(1)
    await town.say("ride", sender)
    await town.say("ride", other)
    await service.wait_for(2)
    free.set()
    await service.wait_for(3)
    assert await running == {"processed": 1, "successful": 1}
    await town.settled()
    assert service.keys()[0] == "old"
    assert [other in request.body.decode() for request in service.requests] == [False, True, False]
    assert [sender in request.body.decode() for request in service.requests[1:]] == [False, True]


async def test_a_redelivery_waits_for_the_message_of_its_lane(town: Scene) -> None:
    """The router is at it: the row is left for the moment, and delivered when the lane is free."""
    service, sender = town.services["rides"], number()
    service.answer_next(Answer(200, delay=0.5))
    await town.say("ride", sender)
    await service.wait_for(1)
    insert(town.database_url, [letter(route="rides", from_number=sender, idempotency_key="old")])
    assert await process(town) == {"processed": 1, "successful": 1}
    first, second = service.requests
    assert second.key == "old"
    assert second.at - first.at >= 0.5
