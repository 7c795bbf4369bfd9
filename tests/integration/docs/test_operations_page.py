"""docs/operations.md: its commands and statements are run in their order, in the situations that it speaks of."""

import asyncio
import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.integration.docs.example import APP_SECRET, SECRETS, example
from tests.support import meta
from tests.support.config import environment
from tests.support.pages import ON_A_CLUSTER, ROOT, code, elsewhere, tables, walk
from tests.support.postgres import Databases
from tests.support.processes import run
from tests.support.scene import Scene
from tests.support.services import Answer
from tests.support.shell import Shell

from webhookcore_cli.local.postgres_files import find_programs

PAGE = ROOT / "docs/operations.md"
INSURANCE, JOBS = "wa-webhook-insurance", "wa-webhook-jobs"
IDS = [
    "0b7c2a9e-4f0e-4c5e-9b5c-0d8f7f9f3a11",
    "3f1d8a52-7c0b-4b6e-8a39-5f0c1be2d7a4",
    "9d4e6b1c-2a5f-4e8d-b7c3-61f0a8e5d329",
]
"""Of the dead letters that the page lists, oldest first."""


class OnCall:
    """The situations of the page, in its order."""

    def __init__(self, it: Scene, env: Mapping[str, str]) -> None:
        self.it = it
        self._env = env
        self.steps = {
            "two dead letters are due": self.two_are_due,
            "some sessions are old": self.sessions_are_old,
            "two routers have told what insurance did": self.routers_have_told,
            "insurance is down, and jobs refuses something": self.some_fail,
            "a run that reached no router": self.no_router,
            "the breaker of insurance opens": self.breaker_opens,
            "insurance is up again": self.insurance_is_up,
            "the example services were away for a moment": self.nothing,  # that is tests/cluster's
        }

    async def two_are_due(self) -> None:
        """One that will be delivered, and one that its service still does not take."""
        self.it.services[INSURANCE].answer_with(Answer(503))
        self.it.services[JOBS].answer_next(Answer(404))
        await self._fails("seguro", "491701234567")
        await self._fails("kazi", "491701234568")
        await self.it.rows("UPDATE wa_dead_letter_queue SET next_retry_at = now()")

    async def sessions_are_old(self) -> None:
        await self.it.rows("DELETE FROM wa_dead_letter_queue")
        for number in range(3):
            await self._say("ride", f"49170123458{number}")
        await self.it.settled()
        await self.it.rows(
            "UPDATE user_sessions SET last_interaction = now() - interval '2 days', rate_tat = NULL"
            " WHERE phone_number LIKE '49170123458%'"
        )

    async def routers_have_told(self) -> None:
        """Only they: when the page's own router tells is its own business."""
        await self.it.rows("DELETE FROM service_metrics")
        await self.it.rows(
            "INSERT INTO service_metrics (service, window_start, instance, delivered, failed, dead_lettered)"
            " VALUES (%s, date_trunc('minute', now()) - interval '2 minutes', 'router-1', 412, 3, 1),"
            " (%s, date_trunc('minute', now()) - interval '2 minutes', 'router-2', 409, 0, 0)",
            INSURANCE,
            INSURANCE,
        )

    async def some_fail(self) -> None:
        """The ids are the page's, so that it can name one."""
        self.it.services[JOBS].answer_next(Answer(422))
        for text, sender in (("kazi", "491701234569"), ("seguro", "491701234570"), ("bima", "491701234571")):
            await self._fails(text, sender)
        made = await self.it.rows("SELECT id FROM wa_dead_letter_queue ORDER BY created_at")
        for row, wanted in zip(made, reversed(IDS), strict=True):
            await self.it.rows("UPDATE wa_dead_letter_queue SET id = %s WHERE id = %s", wanted, row["id"])

    async def no_router(self) -> None:
        await self.it.rows("UPDATE wa_dead_letter_queue SET next_retry_at = now() WHERE abandoned_at IS NULL")
        done = await run("dlq-processor", env={**self._env, "WEBHOOKCORE_ROUTER_INTERNAL_URL": "http://127.0.0.1:9"})
        assert done.returncode == 1, done.output()

    async def breaker_opens(self) -> None:
        """One notification, so that all are under way before the first has failed: none waits, so nothing probes."""
        messages = [meta.text("seguro", f"4917112345{number:02d}") for number in range(25)]
        await self.it.post(meta.batch_body(*messages), secret=APP_SECRET)
        await self.it.until("open", "SELECT max(state) FROM circuit_breakers")
        await self.it.settled()
        await self.it.rows(
            "INSERT INTO inbox"
            " (sender, route, received_at, due_at, idempotency_key, reason, correlation_id, request_id, body)"
            " VALUES ('491701234572', 'wa-webhook-mobility', now(), now() + '1 hour', 'k', 'keyword', 'c', 'r', '{}')"
        )

    async def insurance_is_up(self) -> None:
        await self.it.rows("DELETE FROM inbox")
        self.it.services[INSURANCE].answer_with(Answer(200))
        await self.it.rows(
            "UPDATE circuit_breakers SET state = 'closed', failures = 0, opened_at = NULL, probe_at = NULL,"
            " probe_owner = NULL"
        )
        give_up = asyncio.get_running_loop().time() + 30
        while not (await self.it.http.get(self.it.router.health_url)).json()["microservices"][INSURANCE]:
            assert asyncio.get_running_loop().time() < give_up, "the router did not hear of it"
            await asyncio.sleep(0.05)

    async def nothing(self) -> None:
        """A step of the cluster's part."""

    async def _say(self, text: str, sender: str) -> str:
        message = meta.text(text, sender)
        await self.it.post(meta.body(message), secret=APP_SECRET)
        return str(message["id"])

    async def _fails(self, text: str, sender: str) -> None:
        await self.it.dead_letter(await self._say(text, sender))


async def test_operations_page(databases: Databases, tmp_path: Path) -> None:
    """Whoever is on call and types what the page says sees what it shows."""
    async with example(databases, tmp_path, home={"keywords": []}, fallback="wa-webhook-mobility") as it:
        env = {
            **environment(it.database_url, **SECRETS),
            "WEBHOOKCORE_CONFIG": str(it.folder / "config-1.yaml"),
            "WEBHOOKCORE_ROUTER_INTERNAL_URL": it.router.internal_url,
        }
        programs = f"{Path(sys.executable).parent}:{find_programs(None)}:{os.environ['PATH']}"
        shell = Shell(
            {**env, "PATH": programs, "PGTZ": "UTC"},
            tmp_path,
            typed={"psql ": 'psql "$DATABASE_URL" '},
            shown={it.router.internal_url: "http://127.0.0.1:9090", f"again by {getpass.getuser()}": "again by kerry"},
        )
        await walk(PAGE, show={"console": shell.show, ON_A_CLUSTER: elsewhere}, steps=OnCall(it, env).steps)
        columns = await it.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        results = await it.rows("SELECT jobname, jsonb_object_keys(result) AS key FROM job_runs")
    page = tables(PAGE)
    in_schema = {(row["table_name"], row["column_name"]) for row in columns}
    assert in_schema == {(code(table)[0], column) for table, _, names in page["tables"] for column in code(names)}
    for job in ("dlq-processor", "session-cleanup"):
        seen = {row["key"] for row in results if row["jobname"] == job}
        seldom = {"error", "outOfTime", "interrupted"}
        assert seen | seldom == {code(row[0])[0] for row in page[f"{job}'s result"]} | seldom
