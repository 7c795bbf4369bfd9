"""The decision which route an event belongs to. Pure: the first match wins, in the order written here."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from webhookcore.notification.event import Event, Kind
from webhookcore.routing.decision import COUNTED, Decision, Session, SessionEffect
from webhookcore.routing.matching import normalised
from webhookcore.routing.table import RoutingTable

_FOLLOWS_THE_SESSION: Final = frozenset({"reaction", "system", "unsupported"})
"""Message types that ask for nothing by themselves."""
_BUTTON: Final = "button"


def decide(event: Event, session: Session | None, table: RoutingTable, now: datetime) -> Decision:
    """Where an event goes, and what that does to its sender's session. `session` is None where there is none."""
    if event.kind is Kind.STATUS:
        return table.statuses
    if event.kind is not Kind.MESSAGE:
        return table.others
    live = _live_session(session, table, now)
    if event.message_type in _FOLLOWS_THE_SESSION:
        return live or COUNTED
    said, chosen, title = _said(event)
    decision = (
        table.media.get(event.message_type)
        or _home_word(said, event.sender, table)
        or table.names.get(chosen)
        or table.exact.get(said)
        or _keyword_inside(said, table)
        or _state_prefix(chosen, table)
        or live
        or _home_word(title, event.sender, table)
        or table.exact.get(title)
        or _keyword_inside(title, table)
        or _fallback(event.sender, table)
    )
    if decision.session is not SessionEffect.KEEP and not event.sender:
        return replace(decision, session=SessionEffect.KEEP)
    return decision


def decide_anew(event: Event, table: RoutingTable) -> Decision | None:
    """For a redelivery whose route is gone: by menu key, keyword and state prefix only, since minutes later the sender
    may be talking to another service. None where these decide nothing. Its session effect means nothing.
    """
    if event.kind is not Kind.MESSAGE:
        return None
    said, chosen, _ = _said(event)
    return table.exact.get(said) or _keyword_inside(said, table) or _state_prefix(chosen, table)


def _said(event: Event) -> tuple[str, str, str]:
    """What to route by; the same again where it is the id of what was chosen (a list's row, a reply button, a
    template's button) and not a text that somebody typed; and the title of what was chosen.
    """
    said = normalised(event.reply_id or event.text)
    if event.reply_id or event.message_type == _BUTTON:
        return said, said, normalised(event.reply_title)
    return said, "", ""


def _live_session(session: Session | None, table: RoutingTable, now: datetime) -> Decision | None:
    if session is None or session.active_service is None or now - session.last_interaction > table.session_ttl:
        return None
    return table.sessions.get(session.active_service)


def _home_word(said: str, sender: str, table: RoutingTable) -> Decision | None:
    return table.home if said in table.home_words and sender else None


def _keyword_inside(said: str, table: RoutingTable) -> Decision | None:
    number = table.phrases.most_matched(said) if said else None
    return None if number is None else table.in_text[number]


def _state_prefix(chosen: str, table: RoutingTable) -> Decision | None:
    return (
        next((decision for prefix, decision in table.prefixes if chosen.startswith(prefix)), None) if chosen else None
    )


def _fallback(sender: str, table: RoutingTable) -> Decision:
    return table.fallback if sender else COUNTED
