"""A flush planned: from what was read under the locks to what is written, and what is answered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support import meta
from tests.support.config import config, route

from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import OnExceed, WebhookCoreSpec
from webhookcore.store.ingest import SessionRow, State
from webhookcore_router.planning import Plan, Policy, plan
from webhookcore_router.submission import Submission

NOW = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)
ROOM = {"mobility": 100, "jobs": 100, "wa-webhook-core": 100}
SENDER = meta.SENDER


def policy(on_exceed: OnExceed = OnExceed.DELAY, per_minute: int = 30) -> Policy:
    """Two services, sessions of an hour."""
    routes = [
        route(name, f"http://{name}.example", keywords=[word]) for name, word in (("mobility", "taxi"), ("jobs", "job"))
    ]
    spec: dict[str, Any] = config(*routes, sessions={"ttlHours": 1})["spec"]
    return Policy(RoutingTable.from_spec(WebhookCoreSpec.model_validate(spec)), per_minute, on_exceed)


def submission(*messages: meta.Json) -> Submission:
    body = meta.body(*messages)
    return Submission(split(parse_notification(body), body), NOW, "corr", "req", "trace")


def planned(*submissions: Submission, state: State | None = None, rooms: dict[str, int] | None = None) -> Plan:
    return plan(submissions, state or State(), policy(), dict(ROOM if rooms is None else rooms), NOW)


def session(active: str | None, minutes_ago: float = 1, tat: datetime | None = None) -> State:
    return State(sessions={SENDER: SessionRow(active, NOW - timedelta(minutes=minutes_ago), tat)})


def test_a_row_holds_all_that_a_delivery_needs() -> None:
    """What is written of an event: its decision, its ids, its bytes, and that it is this router's to send at once."""
    message = meta.text("taxi")
    given = submission(message)
    made = planned(given)
    (row,) = made.rows
    assert (row.sender, row.route, row.reason, row.menu_selection) == (SENDER, "mobility", "keyword", None)
    assert (row.received_at, row.due_at, row.owned) == (NOW, NOW, True)
    assert (row.message_id, row.idempotency_key) == (message["id"], message["id"])
    assert (row.correlation_id, row.request_id, row.traceparent) == ("corr", "req", "trace")
    assert (row.body, row.dedupe_key) == (meta.body(message), given.events[0].dedupe_key)
    assert made.keys == [(row.dedupe_key, "mobility", "keyword")]
    assert [(verdict.route, verdict.reason) for verdict in made.verdicts[0]] == [("mobility", "keyword")]
    assert made.crowded == set()


def test_verdicts_are_by_submission() -> None:
    """Each notification gets the verdicts of its own events, in their order."""
    made = planned(submission(meta.text("taxi"), meta.text("job")), submission(meta.text("menu")))
    assert [[verdict.route for verdict in verdicts] for verdicts in made.verdicts] == [
        ["mobility", "jobs"],
        ["wa-webhook-core"],
    ]


def test_what_was_seen_is_a_repeat() -> None:
    """A key of the database or of the same flush: the first decision's route, `duplicate`, and nothing is written."""
    message, other = meta.text("taxi"), meta.text("job")
    key = submission(message).events[0].dedupe_key
    made = planned(submission(message), submission(other), submission(other), state=State(seen={key: ("x", "keyword")}))
    told = [(verdict.route, verdict.reason) for verdicts in made.verdicts for verdict in verdicts]
    assert told == [("x", "duplicate"), ("jobs", "keyword"), ("jobs", "duplicate")]
    assert len(made.rows) == len(made.keys) == 1
    assert list(made.sessions) == [SENDER]


@pytest.mark.parametrize(
    ("before", "text", "route_", "after"),
    [
        (None, "taxi", "mobility", "mobility"),
        ("jobs", "taxi", "mobility", "mobility"),
        ("jobs", "thanks", "jobs", "jobs"),
        ("jobs", "menu", "wa-webhook-core", None),
        (None, "thanks", "wa-webhook-core", None),
    ],
)
def test_what_a_session_becomes(before: str | None, text: str, route_: str, after: str | None) -> None:
    """Set, kept or cleared; its time is always that of the message."""
    made = planned(submission(meta.text(text)), state=session(before))
    assert made.rows[0].route == route_
    assert (made.sessions[SENDER].active_service, made.sessions[SENDER].last_interaction) == (after, NOW)


def test_a_session_past_its_time_is_over() -> None:
    """It decides nothing, and a message that chooses nothing ends it for good; at its last moment it still holds."""
    kept = planned(submission(meta.text("thanks")), state=session("jobs", minutes_ago=60))
    assert (kept.rows[0].route, kept.sessions[SENDER].active_service) == ("jobs", "jobs")
    over = planned(submission(meta.text("thanks")), state=session("jobs", minutes_ago=60.1))
    assert (over.rows[0].route, over.sessions[SENDER].active_service) == ("wa-webhook-core", None)


def test_a_row_without_a_time_is_no_session() -> None:
    """A sender of whom only the rate limit is known has no session."""
    made = planned(submission(meta.text("thanks")), state=State(sessions={SENDER: SessionRow("jobs", None, None)}))
    assert made.rows[0].route == "wa-webhook-core"


# -- lanes and room -----------------------------------------------------------------------------------------------


def test_a_lane_that_another_holds_is_waited_for() -> None:
    """Behind a row that this router does not hold a new one waits, due no earlier than it; the lane's next one too."""
    later = NOW + timedelta(minutes=1)
    state = State(foreign={(SENDER, "mobility"): later, ("somebody", "jobs"): None})
    made = planned(submission(meta.text("taxi"), meta.text("taxi"), meta.text("job")), state=state)
    assert [(row.route, row.owned, row.due_at) for row in made.rows] == [
        ("mobility", False, later),
        ("mobility", False, later),
        ("jobs", True, NOW),
    ]


def test_a_lane_that_is_being_redelivered_is_waited_for() -> None:
    """A redelivery has no time that it is due: the new event is due at once, and waits."""
    made = planned(submission(meta.text("taxi")), state=State(foreign={(SENDER, "mobility"): None}))
    assert [(row.owned, row.due_at) for row in made.rows] == [(False, NOW)]


def test_without_room_it_waits_in_the_inbox() -> None:
    """What finds no room is not taken up, nor anything behind it in its lane; the route is told to be crowded."""
    senders = ("1", "2", "1")
    made = planned(submission(*(meta.text("taxi", sender) for sender in senders)), rooms={"mobility": 1})
    assert [row.owned for row in made.rows] == [True, False, False]
    assert made.crowded == {"mobility"}


def test_room_that_comes_back_is_not_taken_out_of_turn() -> None:
    """A sender's second event of a lane does not overtake the first that waits, though there is room for it."""
    state = State(foreign={("1", "mobility"): NOW})
    made = planned(submission(meta.text("taxi", "1"), meta.text("taxi", "2"), meta.text("taxi", "1")), state=state)
    assert [row.owned for row in made.rows] == [False, True, False]
    assert made.crowded == set()


def test_an_event_without_a_sender_waits_for_nobody() -> None:
    """It is a lane of its own: another one without a sender does not hold it back."""
    anonymous = [meta.text("taxi", ""), meta.text("taxi", "")]
    for message in anonymous:
        del message["from"]
    made = planned(submission(*anonymous), state=State(foreign={("", "mobility"): NOW + timedelta(hours=1)}))
    assert [(row.sender, row.owned, row.due_at) for row in made.rows] == [("", True, NOW)] * 2
    assert made.sessions == {}


def test_without_room_an_event_without_a_sender_waits_alone() -> None:
    """It waits in the inbox, and holds nobody back."""
    message = meta.text("taxi", "")
    del message["from"]
    made = planned(submission(message, meta.text("taxi", "1")), rooms={})
    assert [(row.sender, row.owned) for row in made.rows] == [("", False), ("1", False)]
    assert made.crowded == {"mobility"}


def test_statuses_are_counted_only() -> None:
    """Without `statuses.route` a status leaves its key, and neither a row nor a session."""
    body = meta.status_body(meta.status("read"))
    given = Submission(split(parse_notification(body), body), NOW, "corr", "req", "trace")
    made = planned(given, state=session("jobs"))
    assert made.keys == [(given.events[0].dedupe_key, None, "counted")]
    assert (made.rows, made.sessions) == ([], {})


# -- rate limit ---------------------------------------------------------------------------------------------------


def limited(on_exceed: OnExceed, *texts: str) -> Plan:
    """Messages of one sender, of whom two a minute are within the limit."""
    given = submission(*(meta.text(text) for text in texts))
    return plan([given], State(), policy(on_exceed, per_minute=2), dict(ROOM), NOW)


def test_delay_releases_in_order_whatever_the_route() -> None:
    """Above the limit each is due 30 s after the one before it, home words too, and its session decision stands."""
    made = limited(OnExceed.DELAY, "taxi", "taxi", "job", "menu", "taxi")
    wait = [(row.due_at - NOW).total_seconds() for row in made.rows]
    assert wait == [0, 0, 30, 60, 90]
    assert [row.owned for row in made.rows] == [True, True, False, False, False]
    assert [verdict.limited for verdict in made.verdicts[0]] == [None, None, *[OnExceed.DELAY] * 3]
    assert [verdict.wait_seconds for verdict in made.verdicts[0]] == [None, None, 30, 60, 90]
    assert made.sessions[SENDER].active_service == "mobility"
    assert made.sessions[SENDER].rate_tat == NOW + timedelta(seconds=150)


def test_reject_forgets_what_it_refuses() -> None:
    """No key, no row, no session decision; when it is welcome again is told."""
    made = limited(OnExceed.REJECT, "taxi", "taxi", "job")
    assert [verdict.reason for verdict in made.verdicts[0]] == ["keyword", "keyword", "rate_limited"]
    refused = made.verdicts[0][2]
    assert (refused.route, refused.limited, refused.wait_seconds) == (None, OnExceed.REJECT, 30)
    assert len(made.keys) == len(made.rows) == 2
    assert made.sessions[SENDER].active_service == "mobility"
    assert made.sessions[SENDER].rate_tat == NOW + timedelta(seconds=60)


def test_drop_remembers_what_it_forgets() -> None:
    """Its key stays, so that a repeat is a repeat; nothing else of it."""
    made = limited(OnExceed.DROP, "taxi", "taxi", "job")
    dropped = made.verdicts[0][2]
    assert (dropped.route, dropped.reason, dropped.limited) == (None, "rate_limited", OnExceed.DROP)
    assert dropped.wait_seconds is None
    assert [key[1:] for key in made.keys] == [("mobility", "keyword"), ("mobility", "keyword"), (None, "rate_limited")]
    assert len(made.rows) == 2
