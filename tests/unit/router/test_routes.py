"""The routes as the router delivers to them, and where a redelivery goes whose route is gone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.support import meta
from tests.support.config import config, route

from webhookcore.redelivery import Redelivery
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import WebhookCoreSpec
from webhookcore_router.routes import Deliverable, Routes

BASE: dict[str, Any] = {
    "id": UUID(int=1),
    "route": "gone",
    "reason": "session",
    "menu_selection": "9",
    "sender": meta.SENDER,
    "message_id": "wamid.1",
    "idempotency_key": "wamid.1",
    "attempt": 2,
    "retry": 1,
    "received_at": datetime(2025, 11, 24, tzinfo=UTC),
    "correlation_id": "corr",
    "request_id": "req",
    "traceparent": None,
    "body": meta.body(meta.text("thanks")),
}
LETTER = Redelivery(**BASE)


def routes(**spec: Any) -> Routes:
    known = [
        route("mobility", "http://mobility.example", keywords=["taxi"], statePrefixes=["trip_"], maxAgeMinutes=5),
        route("jobs", "http://jobs.example", menu={"key": "3", "title": "Jobs"}, concurrency=7, paused=True),
    ]
    made = WebhookCoreSpec.model_validate(config(*known, **spec)["spec"])
    return Routes(made, RoutingTable.from_spec(made))


def test_what_is_delivered_to() -> None:
    """Every route with its bounds, and the home menu where it is sent from here."""
    mobility = Deliverable("mobility", concurrency=64, max_age_minutes=5, paused=False)
    jobs = Deliverable("jobs", concurrency=7, max_age_minutes=60, paused=True)
    home = Deliverable("wa-webhook-core", concurrency=64, max_age_minutes=60, paused=False)
    known = routes()
    assert known.named() == [mobility, jobs]
    assert known.all() == [mobility, jobs, home]
    assert [known.paused(each.name) for each in known.all()] == [False, True, False]
    assert routes(home={"route": "mobility"}).all() == [mobility, jobs]


@pytest.mark.parametrize("name", ["mobility", "jobs", "wa-webhook-core"])
def test_a_route_that_is_there_is_kept(name: str) -> None:
    """It goes where it was to go first, whatever its text says."""
    letter = replace(LETTER, route=name, body=meta.body(meta.text("taxi")))
    assert routes().resolve(letter) is letter


@pytest.mark.parametrize(
    ("body", "decided", "reason", "selection"),
    [
        (meta.body(meta.text("taxi")), "mobility", "keyword", None),
        (meta.body(meta.text("3")), "jobs", "menu_key", "3"),
        (meta.body(meta.button_reply("trip_1")), "mobility", "state_prefix", None),
    ],
)
def test_a_route_that_is_gone_is_decided_anew(body: bytes, decided: str, reason: str, selection: str | None) -> None:
    """By what the message says, and with nothing else of it changed."""
    letter = replace(LETTER, body=body)
    expected = replace(letter, route=decided, reason=reason, menu_selection=selection)
    assert routes().resolve(letter) == expected


@pytest.mark.parametrize(
    "body",
    [
        meta.body(meta.text("thanks")),
        meta.body(meta.text("menu")),
        meta.status_body(meta.status("read")),
        meta.body(meta.text("taxi"), meta.text("taxi")),
        b"no JSON",
        b"",
    ],
)
def test_what_says_nothing_goes_nowhere(body: bytes) -> None:
    """Neither a home word nor the fallback speaks for it, nor does what holds no message or several."""
    assert routes().resolve(replace(LETTER, body=body)) is None
