"""What the processes write, searched for what must never be there."""

import re
from pathlib import Path

import httpx
from tests.support import meta
from tests.support.config import (
    ACCESS_TOKEN,
    APP_SECRET,
    INTERNAL_SECRET,
    VERIFY_TOKEN,
    environment,
    route,
    write_config,
)
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, query, until_settled
from tests.support.processes import run
from tests.support.services import Answer, GraphApi

ROUTE_SECRET = "route-secret-aabbccdd"
SAID = "kumquat"
SENDERS = [f"4917655501{number:02d}" for number in range(20)]
USER_ID = "US.77665544332211009988"
WAMID = re.compile(r"wamid\.|HBg")


async def test_no_phone_number_no_text_no_secret(database_url: str, tmp_path: Path) -> None:
    """Deliveries, failures of every kind, refusals, duplicates, odd bodies, retries, abandoned ones, an outage, and
    the clean-up: none of it leaves a number, an id of a message, a word or a secret in any process's output.
    """
    written: list[str] = []
    async with WatchedService() as rides, WatchedService(Answer(404)) as jobs, GraphApi() as graph:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"], secretRef={"name": "rides", "key": "secret"}),
            route("jobs", jobs.url, keywords=["job"], menu={"key": "1", "title": "Jobs"}),
            route("gone", f"http://127.0.0.1:9/hook?token={ROUTE_SECRET}", keywords=["nowhere"]),
            router={**FAST, "rateLimit": {"messagesPerMinute": 5, "onExceed": "Drop"}},
            graph_api_url=graph.url,
            statuses={"route": "rides"},
        )
        secrets = tmp_path / "secrets" / "rides"
        secrets.mkdir(parents=True)
        (secrets / "secret").write_text(ROUTE_SECRET)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            router = routers.routers[0]
            for number, sender in enumerate(SENDERS):
                await client.send(f"{['ride', 'job', 'nowhere', 'hi'][number % 4]} {SAID}", sender)
                await client.send("hi", sender)
            flood = [await client.send(f"ride {SAID}", SENDERS[0], tries=1) for _ in range(10)]
            assert {sent.statuses[0] for sent in flood} == {200}
            odd = [
                meta.from_username(f"ride {SAID} \u0000 \ud800", USER_ID),
                meta.location(SENDERS[1]),
                meta.audio(SENDERS[2]),
            ]
            await client.post(meta.body(*odd), "", "", tries=1)
            await client.post(meta.status_body(*(meta.status("failed", sender) for sender in SENDERS)), "", "", tries=1)
            await client.post(meta.other_body(), "", "", tries=1)
            await client.post(b"{" + SAID.encode(), "", "", tries=1)
            client.secret = "wrong"
            await client.send(f"ride {SAID}", SENDERS[3], tries=1)
            client.secret = APP_SECRET
            async with httpx.AsyncClient(timeout=30) as http:
                await http.get(router.url, params={"hub.mode": "subscribe", "hub.verify_token": SENDERS[4]})
                await http.get(f"{router.url}/{SENDERS[5]}/{SAID}")
            await until_settled(database_url)
            query(database_url, "UPDATE wa_dead_letter_queue SET next_retry_at = now(), retry_count = 2")
            env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router.internal_url)
            for job in ("dlq-processor", "session-cleanup"):
                ran = await run(job, "--config", str(config), env=env)
                assert ran.returncode == 0, ran.output()
                written += [*ran.lines, *ran.errors]
            assert query(
                database_url, "SELECT count(*) > 0 FROM wa_dead_letter_queue WHERE abandoned_at IS NOT NULL"
            ) == [(True,)]
            query(database_url, "ALTER TABLE inbox RENAME TO elsewhere")
            await client.send(f"ride {SAID}", SENDERS[6], tries=1)
            query(database_url, "ALTER TABLE elsewhere RENAME TO inbox")
            router.terminate()
            await router.wait()
            written += [*router.lines, *router.errors]
            for name in ("CORE_DELIVERED", "CORE_DEAD_LETTERED", "CORE_AUTH_FAILED", "CORE_RATE_LIMITED"):
                assert router.events(name), name
    everything = "\n".join(written)
    assert len(written) > 100
    hidden = [*SENDERS, USER_ID, SAID, APP_SECRET, VERIFY_TOKEN, ACCESS_TOKEN, INTERNAL_SECRET, ROUTE_SECRET]
    hidden += [number[-8:] for number in SENDERS]
    for word in hidden:
        assert word not in everything, next(line for line in written if word in line)
    assert not WAMID.search(everything), next(line for line in written if WAMID.search(line))
