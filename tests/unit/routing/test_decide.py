"""The decision, rule by rule in the order of its chain, on the settings' own types and real notifications."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import meta
from tests.support.config import config, route

from webhookcore.notification.event import Event
from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.routing.decide import decide, decide_anew
from webhookcore.routing.decision import COUNTED, HOME_SERVICE, Decision, Reason, Session, SessionEffect
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import parse_config

NOW = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)
URL = "http://127.0.0.1:1/webhook"
RIDES = route(
    "rides",
    URL,
    menu={"key": "1", "title": "Rides"},
    keywords=["ride", "taxi", "Moto Taxi", "打车"],
    statePrefixes=["trip_"],
)
INSURANCE = route(
    "insurance",
    URL,
    menu={"key": "2", "title": "Insurance"},
    keywords=["insurance", "policy", "claim"],
    statePrefixes=["ins_"],
    accepts=["audio"],
)
CLAIMS = route("claims", URL, keywords=["accident"], statePrefixes=["ins_claim_"], accepts=["voice"])
JOBS = route("jobs", URL, keywords=["job", "interview"], priority=5)
ROUTES = (RIDES, INSURANCE, CLAIMS, JOBS)


def table(*routes: dict[str, Any], **spec: Any) -> RoutingTable:
    return RoutingTable.from_spec(parse_config(json.dumps(config(*(routes or ROUTES), **spec)), "test"))


TABLE = table()


def event_of(message: dict[str, Any]) -> Event:
    body = meta.body(message)
    [event] = split(parse_notification(body), body)
    return event


def event_in(body: bytes) -> Event:
    [event] = split(parse_notification(body), body)
    return event


def talking_to(service: str | None, ago: timedelta = timedelta()) -> Session:
    return Session(service, NOW - ago)


def decided(message: dict[str, Any], session: Session | None = None, by: RoutingTable = TABLE) -> Decision:
    return decide(event_of(message), session, by, NOW)


def chosen(service: str, reason: Reason, menu_selection: str | None = None) -> Decision:
    return Decision(service, reason, SessionEffect.SET, menu_selection)


HOME = Decision(HOME_SERVICE, Reason.HOME_WORD, SessionEffect.CLEAR)
FALLBACK = Decision(HOME_SERVICE, Reason.FALLBACK)


# Audio and voice


def test_audio_and_voice_go_to_the_routes_that_accept_them() -> None:
    """Before everything else, whoever the sender is talking to; the session stays as it is."""
    session = talking_to("rides")
    assert decided(meta.audio(), session) == Decision("insurance", Reason.MEDIA)
    assert decided(meta.audio(voice=True), session) == Decision("claims", Reason.MEDIA)


def test_a_voice_note_is_an_audio_too() -> None:
    """Where no route takes voice; but an audio file is no voice note."""
    audio = table(RIDES, route("listener", URL, accepts=["audio"]))
    assert decided(meta.audio(voice=True), by=audio) == Decision("listener", Reason.MEDIA)
    voice = table(RIDES, route("listener", URL, accepts=["voice"]))
    assert decided(meta.audio(), by=voice) == FALLBACK


def test_audio_that_nobody_accepts_goes_on_down_the_chain() -> None:
    """To the active service, else to the fallback."""
    deaf = table(RIDES)
    assert decided(meta.audio(), talking_to("rides"), deaf) == Decision("rides", Reason.SESSION)
    assert decided(meta.audio(voice=True), None, deaf) == FALLBACK


# Home words


@pytest.mark.parametrize("word", [*parse_config(json.dumps(config()), "test").home.keywords, " HELLO\n", "\uff1f"])
def test_a_home_word_leaves_the_active_service_and_shows_the_menu(word: str) -> None:
    """However it is written, and whoever the sender was talking to."""
    assert decided(meta.text(word), talking_to("rides")) == HOME


@pytest.mark.parametrize("text", ["hi there", "hi!", "the menu", "helpful", "", "??"])
def test_a_home_word_must_be_the_whole_text(text: str) -> None:
    """A word inside a sentence leaves the sender where they are."""
    assert decided(meta.text(text), talking_to("rides")) == Decision("rides", Reason.SESSION)


def test_a_chosen_home_word_is_one_too() -> None:
    """A service may offer a button that leads home: by its id, its payload, or an unknown id's title."""
    for message in (meta.button_reply("menu", "Back"), meta.button("Menu", "Back"), meta.list_reply("x", "Home")):
        assert decided(message) == HOME


def test_home_words_and_the_homes_route_are_the_configs() -> None:
    """Its own words replace the default ones, and a service of the company's may show the menu."""
    own = table(*ROUTES, home={"keywords": ["Zurück"], "route": "jobs"})
    assert decided(meta.text("zurück"), by=own) == Decision("jobs", Reason.HOME_WORD, SessionEffect.CLEAR)
    assert decided(meta.text("hi"), by=own) == Decision("jobs", Reason.FALLBACK)


# Exact menu key, keyword, reply id


@pytest.mark.parametrize("key", ["1", " 1 ", "\u0661", "1\ufe0f\u20e3"])
def test_a_menu_key_chooses_its_route(key: str) -> None:
    """In any script's digits; the service learns which key it was."""
    assert decided(meta.text(key), talking_to("insurance")) == chosen("rides", Reason.MENU_KEY, "1")


@pytest.mark.parametrize("keyword", ["taxi", "TAXI ", "moto  taxi", "打车"])
def test_a_keyword_alone_chooses_its_route(keyword: str) -> None:
    """And makes it the active service."""
    assert decided(meta.text(keyword), talking_to("insurance")) == chosen("rides", Reason.KEYWORD)


def test_a_row_of_the_home_menu_chooses_its_route() -> None:
    """Its id is the route's name; the menu key that stands beside it is named."""
    assert decided(meta.list_reply("rides", "whatever")) == chosen("rides", Reason.REPLY_ID, "1")
    assert decided(meta.button("insurance", "Yes")) == chosen("insurance", Reason.REPLY_ID, "2")
    assert decided(meta.button_reply("jobs", "Jobs")) == chosen("jobs", Reason.REPLY_ID)


def test_a_routes_name_is_nothing_that_one_types() -> None:
    """Names are for machines; what people type are keys and keywords."""
    assert decided(meta.text("rides")) == FALLBACK


def test_a_reply_id_may_be_a_key_or_a_keyword() -> None:
    """It is the text to route by."""
    assert decided(meta.list_reply("2", "x")) == chosen("insurance", Reason.MENU_KEY, "2")
    assert decided(meta.button_reply("Taxi", "x")) == chosen("rides", Reason.KEYWORD)


# Keywords inside the text


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("I need a taxi!", "rides"),
        ("我要打车", "rides"),
        ("a taxi for my insurance claim", "insurance"),
        ("a taxi to my job interview", "jobs"),
        ("insurance for my taxi", "rides"),
        ("a taxi to my job", "jobs"),
    ],
)
def test_keywords_inside_a_text_choose_the_route(text: str, service: str) -> None:
    """The most matched, then the higher priority, then the earlier in the config."""
    assert decided(meta.text(text), talking_to("claims")) == chosen(service, Reason.KEYWORD_IN_TEXT)


@pytest.mark.parametrize("text", ["taxis", "mytaxi", "joblessness", "ta xi"])
def test_only_whole_words_count(text: str) -> None:
    """A word that merely contains a keyword is another word."""
    assert decided(meta.text(text)) == FALLBACK


def test_a_caption_and_a_buttons_payload_are_texts() -> None:
    """Read like a text body."""
    assert decided(meta.image("my insurance papers")) == chosen("insurance", Reason.KEYWORD_IN_TEXT)
    assert decided(meta.button("call a taxi", "Yes")) == chosen("rides", Reason.KEYWORD_IN_TEXT)


# State prefixes


@pytest.mark.parametrize(
    "message", [meta.list_reply("ins_42", "taxi"), meta.button_reply("INS_taxi", "x"), meta.button("ins_renew", "taxi")]
)
def test_a_state_prefix_chooses_its_route(message: dict[str, Any]) -> None:
    """Of a reply id or a template button's payload, whatever the title says and whoever the sender was talking to."""
    assert decided(message, talking_to("rides")) == chosen("insurance", Reason.STATE_PREFIX)


def test_the_longest_state_prefix_wins() -> None:
    """A route may own a part of another's states."""
    assert decided(meta.button_reply("ins_claim_7", "x")) == chosen("claims", Reason.STATE_PREFIX)


def test_a_state_prefix_is_nothing_that_one_types() -> None:
    """It belongs to ids."""
    assert decided(meta.text("ins_42")) == FALLBACK


# The session


@pytest.mark.parametrize(
    "message",
    [meta.text("tomorrow at nine"), meta.location(), meta.image(), meta.list_reply("x_1", "Tomorrow"), meta.text("")],
)
def test_what_says_nothing_else_goes_to_the_active_service(message: dict[str, Any]) -> None:
    """The sender is in the middle of something there."""
    assert decided(message, talking_to("rides")) == Decision("rides", Reason.SESSION)


@pytest.mark.parametrize(
    "session",
    [
        None,
        talking_to(None),
        talking_to("rides", timedelta(hours=24, microseconds=1)),
        talking_to("gone"),
        talking_to(""),
    ],
)
def test_a_session_that_is_over_decides_nothing(session: Session | None) -> None:
    """None yet, cleared, older than its TTL, or its route gone."""
    assert decided(meta.text("tomorrow at nine"), session) == FALLBACK


def test_a_session_lives_to_the_end_of_its_ttl() -> None:
    """The config's hours, inclusive."""
    assert decided(meta.text("x"), talking_to("rides", timedelta(hours=24))) == Decision("rides", Reason.SESSION)
    short = table(*ROUTES, sessions={"ttlHours": 1})
    assert decided(meta.text("x"), talking_to("rides", timedelta(hours=2)), short) == FALLBACK


# A reply's title


@pytest.mark.parametrize(
    ("title", "decision"),
    [
        ("1", chosen("rides", Reason.MENU_KEY, "1")),
        ("Taxi", chosen("rides", Reason.KEYWORD)),
        ("Book a taxi", chosen("rides", Reason.KEYWORD_IN_TEXT)),
        ("Menu", HOME),
        ("rides", FALLBACK),
        ("ins_1", FALLBACK),
        ("Something else", FALLBACK),
    ],
)
def test_a_title_counts_where_the_id_decides_nothing(title: str, decision: Decision) -> None:
    """And no session is live; a title is what a person reads, so no id and no state prefix."""
    assert decided(meta.button_reply("unknown", title)) == decision
    assert decided(meta.button("unknown", title)) == decision
    assert decided(meta.button_reply("unknown", title), talking_to("insurance")) == Decision(
        "insurance", Reason.SESSION
    )


# The fallback


def test_the_fallback_may_be_a_route() -> None:
    """It does not become the active service."""
    assert decided(meta.text("x"), by=table(*ROUTES, fallback="jobs")) == Decision("jobs", Reason.FALLBACK)


def test_without_a_sender_there_is_no_home_no_fallback_and_no_session() -> None:
    """Nobody could be shown a menu; what a keyword decides is delivered, and what nothing decides is counted."""
    nobody = ""
    assert decided(meta.text("hi", nobody)) == COUNTED
    assert decided(meta.text("x", nobody)) == COUNTED
    assert decided(meta.text("taxi", nobody)) == Decision("rides", Reason.KEYWORD)
    assert decided(meta.text("1", nobody)) == Decision("rides", Reason.MENU_KEY, menu_selection="1")
    assert decided(meta.audio(nobody)) == Decision("insurance", Reason.MEDIA)


def test_a_sender_without_a_number_is_a_sender() -> None:
    """Users with a username."""
    assert decided(meta.from_username("hi")) == HOME
    assert decided(meta.from_username("x")) == FALLBACK


# What is no conversation


@pytest.mark.parametrize("message", [meta.reaction(), meta.system(), meta.unsupported()])
def test_reactions_and_the_like_follow_the_session(message: dict[str, Any]) -> None:
    """They ask for nothing: without a session they are counted, and nobody gets a menu for a thumbs-up."""
    assert decided(message, talking_to("rides")) == Decision("rides", Reason.SESSION)
    assert decided(message) == COUNTED
    assert decided(message, talking_to("rides", timedelta(days=2))) == COUNTED


def test_statuses_and_other_changes_go_to_their_routes() -> None:
    """Whatever they hold and whoever the recipient is talking to; without a route they are counted."""
    status = event_in(meta.status_body(meta.status("read")))
    others = [event_in(meta.other_body()), event_in(meta.errors_body()), event_in(b"{}")]
    echo = event_in(meta.other_body("smb_message_echoes", meta.value(messages=[meta.text("taxi")])))
    for event in [status, *others, echo]:
        assert decide(event, talking_to("rides"), TABLE, NOW) == COUNTED
    told = table(*ROUTES, statuses={"route": "jobs"}, others={"route": "claims"})
    assert decide(status, None, told, NOW) == Decision("jobs", Reason.STATUS)
    for event in [*others, echo]:
        assert decide(event, None, told, NOW) == Decision("claims", Reason.OTHER)


# A config with little or odd in it


def test_without_routes_everything_is_home() -> None:
    """An empty table decides too."""
    alone = RoutingTable.from_spec(parse_config(json.dumps(config()), "test"))
    assert decided(meta.text("taxi"), talking_to("rides"), alone) == FALLBACK
    assert decided(meta.audio(), None, alone) == FALLBACK


# Redelivery to a route that is gone


@pytest.mark.parametrize(
    ("message", "decision"),
    [
        (meta.text("1"), chosen("rides", Reason.MENU_KEY, "1")),
        (meta.text("taxi"), chosen("rides", Reason.KEYWORD)),
        (meta.text("I need a taxi"), chosen("rides", Reason.KEYWORD_IN_TEXT)),
        (meta.list_reply("trip_42"), chosen("rides", Reason.STATE_PREFIX)),
        (meta.button("trip_42"), chosen("rides", Reason.STATE_PREFIX)),
        (meta.list_reply("rides"), None),
        (meta.list_reply("unknown", "Taxi"), None),
        (meta.text("hi"), None),
        (meta.text("tomorrow at nine"), None),
        (meta.audio(), None),
        (meta.reaction(), None),
    ],
)
def test_a_redelivery_is_decided_anew_by_what_it_says(message: dict[str, Any], decision: Decision | None) -> None:
    """Menu key, keyword and prefix only: no home, no media, no session, no fallback."""
    assert decide_anew(event_of(message), TABLE) == decision


def test_only_messages_are_decided_anew() -> None:
    """A status whose route is gone has nowhere to go."""
    told = table(*ROUTES, statuses={"route": "jobs"}, others={"route": "jobs"})
    assert decide_anew(event_in(meta.status_body(meta.status())), told) is None
    assert decide_anew(event_in(meta.other_body()), told) is None


# Whatever comes


@given(
    st.text(st.characters(exclude_categories=[]), max_size=60),
    st.none()
    | st.builds(Session, st.none() | st.sampled_from(["rides", "gone"]), st.datetimes(timezones=st.just(UTC))),
)
def test_every_text_is_decided_soundly(text: str, session: Session | None) -> None:
    """A route that exists or the home menu, and a session effect that fits the reason."""
    for message in (meta.text(text), meta.button_reply(text, text), meta.button(text, text), meta.image(text)):
        decision = decided(message, session)
        assert decision.route in {"rides", "insurance", "claims", "jobs", HOME_SERVICE}
        if decision.reason in {Reason.SESSION, Reason.FALLBACK}:
            assert decision.session is SessionEffect.KEEP
        elif decision.reason is Reason.HOME_WORD:
            assert decision.session is SessionEffect.CLEAR
        else:
            assert decision.session is SessionEffect.SET
        anew = decide_anew(event_of(message), TABLE)
        assert anew is None or anew == decision or decision.reason in {Reason.HOME_WORD, Reason.REPLY_ID}
