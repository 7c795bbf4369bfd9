"""docs/events.md: every event is provoked, and its fields are compared with the page's."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from tests.integration.docs.example import APP_SECRET, SECRETS, example
from tests.support import dead_letters, meta
from tests.support.config import environment
from tests.support.pages import ROOT, code, is_shown, tables, walk
from tests.support.postgres import Databases
from tests.support.processes import run
from tests.support.scene import Scene
from tests.support.services import Answer

from webhookcore.events import EventName

PAGE = ROOT / "docs/events.md"
JOBS, INSURANCE, MOBILITY = "wa-webhook-jobs", "wa-webhook-insurance", "wa-webhook-mobility"

Lines = dict[str, list[dict[str, Any]]]

TYPES = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


async def provoke(it: Scene) -> Lines:
    """All that a router, the jobs and a person on call tell; by the event's name."""
    it.services[INSURANCE].answer_with(Answer(503))

    async def say(text: str, sender: str) -> None:
        await it.post(meta.body(meta.text(text, sender)), secret=APP_SECRET)

    await it.post(meta.body(meta.text("ride")), secret="not the secret")
    await say("ride", "491701234567")
    await say("seguro", "491701234568")
    await it.post(meta.body(*(meta.text("ride", "491701234569") for _ in range(6))), secret=APP_SECRET)
    await it.post(meta.status_body(meta.status()), secret=APP_SECRET)
    await it.post(meta.other_body(), secret=APP_SECRET)
    await it.settled()
    dead_letters.insert(
        it.database_url,
        [
            dead_letters.letter(route=MOBILITY),
            dead_letters.letter(route=INSURANCE),
            dead_letters.letter(route=INSURANCE, retry_count=2),
            dead_letters.letter(route=JOBS),  # paused
        ],
    )
    config, env = str(it.folder / "config-1.yaml"), environment(it.database_url, **SECRETS)
    lines = []
    for command in (["dlq-processor"], ["dlq", "retry", "--route", INSURANCE], ["session-cleanup"]):
        internal = {"WEBHOOKCORE_ROUTER_INTERNAL_URL": it.router.internal_url}
        done = await run(*command, "--config", config, env={**env, **internal})
        assert done.returncode == 0, done.output()
        lines += done.events()
    await it.router.wait_until(lambda: len(it.router.events("CORE_DEAD_LETTERED")) >= 1, what="the last event")
    by_name: Lines = defaultdict(list)
    for line in [*it.router.events(), *lines]:
        by_name[line["event"]].append(line)
    return by_name


async def test_events_page(databases: Databases, tmp_path: Path) -> None:
    """Each event that the system can tell is told, with exactly the page's fields, of the page's types; the page's
    examples are such lines.
    """
    async with example(
        databases,
        tmp_path,
        changes={JOBS: {"paused": True}},
        env={"WA_CORE_COLD_START_SLO_MS": "1"},
        router={"rateLimit": {"messagesPerMinute": 5, "onExceed": "Reject"}},
    ) as it:
        told = await provoke(it)
    assert set(told) == set(EventName)
    documented = tables(PAGE)
    types = {name: {code(row[0])[0]: row[1] for row in rows} for name, rows in documented.items()}
    for name, lines in told.items():
        fields = {field for line in lines for field in line}
        assert fields - types["common"].keys() == types[name].keys(), name
        for line in lines:
            for field, value in line.items():
                kind = types[name].get(field) or types["common"][field]
                assert any(TYPES[each](value) for each in kind.split(" or ")), f"{name}: {field} is {value!r}"

    async def line_like(shown: str) -> str:
        real = [json.dumps(line, separators=(",", ":")) for line in told[json.loads(shown)["event"]]]
        return next((line for line in real if is_shown(shown, line)), real[0])

    await walk(PAGE, show={"json": line_like})


@pytest.mark.parametrize("name", EventName)
def test_each_event_has_its_chapter(name: EventName) -> None:
    """No event without a heading, an example and a table."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(f"\n### {name}\n") == 1
    assert f'{{"event":"{name}"' in text
    assert name in tables(PAGE)
