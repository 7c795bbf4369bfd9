"""What routing decides about an event: a route and why, or that it is only counted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

HOME_SERVICE: Final = "wa-webhook-core"
"""The service that the home menu's deliveries belong to where no `home.route` is set."""


class Reason(StrEnum):
    """Why a route was chosen; the value of X-Routing-Reason."""

    MEDIA = "media"
    HOME_WORD = "home"
    MENU_KEY = "menu_key"
    KEYWORD = "keyword"
    REPLY_ID = "reply_id"
    KEYWORD_IN_TEXT = "keyword_in_text"
    STATE_PREFIX = "state_prefix"
    SESSION = "session"
    FALLBACK = "fallback"
    STATUS = "status"
    OTHER = "other"
    COUNTED = "counted"
    DUPLICATE = "duplicate"
    RATE_LIMITED = "rate_limited"


class SessionEffect(StrEnum):
    """What a decision does to its sender's `active_service`."""

    KEEP = "keep"
    SET = "set"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Session:
    """A sender's session as a decision reads it."""

    active_service: str | None
    last_interaction: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """Where an event goes. `route` is None for what is only counted; HOME_SERVICE for the home menu."""

    route: str | None
    reason: Reason
    session: SessionEffect = SessionEffect.KEEP
    menu_selection: str | None = None


COUNTED: Final = Decision(None, Reason.COUNTED)
"""Kept nowhere and delivered to nobody."""
