"""The dlq-processor: a backlog through a router, and services that all hang."""

import time

import httpx
import psycopg
from tests.bench import result
from tests.bench.data import count, fill_letters
from tests.bench.notifications import Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig, Server
from tests.bench.services import Services
from tests.support.config import INTERNAL_SECRET, route

from webhookcore import headers
from webhookcore.redelivery import Redelivery, decode_outcome, encode
from webhookcore.signature import sign_forward

ROUTES = ["rides", "jobs", "insurance", "shop"]
TIMEOUT_MS = 4000
_LEFT = "SELECT count(*) FROM wa_dead_letter_queue WHERE NOT processed"
_NEXT = """
SELECT id, route, reason, menu_selection, from_number, message_id, idempotency_key, attempts + 1, retry_count + 1,
       received_at, correlation_id, request_id, traceparent, body, extract(epoch FROM now())::bigint
FROM wa_dead_letter_queue
WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL AND next_retry_at <= now()
ORDER BY next_retry_at, received_at, id
LIMIT 1
"""
_DONE = "UPDATE wa_dead_letter_queue SET processed = true, processed_at = now(), updated_at = now() WHERE id = %s"


async def redeliver(rig: Rig) -> list[Result]:
    """10,000 due, one run; and the 50 of the seed's words, the whole process counted."""
    due, one_by_one = (2_000, 100) if rig.quick else (10_000, 500)
    async with Services() as services:
        config = rig.config(*(route(name, services.url()) for name in ROUTES))
        with rig.database() as url:
            async with rig.router(config, url) as router:
                fill_letters(url, Notifications(), ROUTES, one_by_one)
                baseline = await _one_by_one(url, router, one_by_one)
                fill_letters(url, Notifications(), ROUTES, due)
                services.arrived.clear()
                run = await rig.job("dlq-processor", config, url, router)
                rate = run.result["successful"] / run.result["durationMs"] * 1000
                if run.result["successful"] != due or count(url, _LEFT) or len(services.arrived) != due:
                    raise RuntimeError(f"not all were delivered: {run.result}")
                fill_letters(url, Notifications(), ROUTES, 50)
                fifty = await rig.job("dlq-processor", config, url, router)
    return [
        result.ratio_at_least(f"dlq-processor, {due:,} due, through a router", rate, "rows/s", baseline, least=8),
        result.at_most("dlq-processor, 50 due, start to exit", fifty.seconds, "s", most=30),
    ]


async def every_service_hangs(rig: Rig) -> list[Result]:
    """50 due of four services, none of which answers."""
    async with Services() as services:
        config = rig.config(*(route(name, services.url(hangs=True)) for name in ROUTES))
        with rig.database() as url:
            async with rig.router(config, url) as router:
                fill_letters(url, Notifications(), ROUTES, 50)
                run = await rig.job("dlq-processor", config, url, router)
    if run.result["failed"] != 50:
        raise RuntimeError(f"not all failed: {run.result}")
    figure = "dlq-processor, 50 due and every service hangs"
    return [result.ratio_at_most(figure, run.result["durationMs"], "ms", TIMEOUT_MS, most=1.2)]


async def _one_by_one(url: str, router: Server, rows: int) -> float:
    """Rows a second of what anybody would write first: one row, one httpx POST, one UPDATE at a time."""
    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as conn,
        httpx.AsyncClient(timeout=10, trust_env=False) as client,
    ):
        started = time.monotonic()
        for _ in range(rows):
            row = await (await conn.execute(_NEXT)).fetchone()
            assert row is not None
            *fields, now = row
            body = encode(Redelivery(*fields))
            signature = sign_forward(body, INTERNAL_SECRET.encode(), now)
            answer = await client.post(
                f"{router.internal_url}/internal/deliver",
                content=body,
                headers={headers.INTERNAL_FORWARD: signature, headers.DLQ_RETRY: "1"},
            )
            decode_outcome(answer.content)
            await conn.execute(_DONE, (fields[0],))
        return rows / (time.monotonic() - started)
