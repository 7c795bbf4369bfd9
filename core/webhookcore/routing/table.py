"""The routing table: what the settings say about routing, made once into what a decision looks up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from webhookcore.routing.decision import COUNTED, HOME_SERVICE, Decision, Reason, SessionEffect
from webhookcore.routing.matching import Phrases, normalised
from webhookcore.settings import HOME_FALLBACK, Media, Route, WebhookCoreSpec


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Every text in it is normalised, and every decision ready to be handed out. Where routes compete, the one of
    higher priority stands first, among equals the one that the config names first. That no text leads to two places
    and none is empty is the settings' to ensure.
    """

    media: Mapping[str, Decision]
    """By message type."""
    home_words: frozenset[str]
    home: Decision
    exact: Mapping[str, Decision]
    """By menu key and by keyword."""
    names: Mapping[str, Decision]
    """By a route's name, which is the reply id of its row in the home menu."""
    phrases: Phrases
    in_text: tuple[Decision, ...]
    """By the number that `phrases` finds."""
    prefixes: tuple[tuple[str, Decision], ...]
    """By state prefix, the longest first."""
    sessions: Mapping[str, Decision]
    """By active service."""
    session_ttl: timedelta
    fallback: Decision
    statuses: Decision
    others: Decision

    @classmethod
    def from_spec(cls, spec: WebhookCoreSpec) -> Self:
        routes = sorted(spec.routes, key=lambda route: -route.priority)
        home = spec.home.route or HOME_SERVICE
        return cls(
            media=_media(routes),
            home_words=frozenset(map(normalised, spec.home.keywords)),
            home=Decision(home, Reason.HOME_WORD, SessionEffect.CLEAR),
            exact=_exact(routes),
            names={normalised(route.name): _chosen(route, Reason.REPLY_ID, _menu_key(route)) for route in routes},
            phrases=Phrases(
                (keyword, number) for number, route in enumerate(routes) for keyword in map(normalised, route.keywords)
            ),
            in_text=tuple(_chosen(route, Reason.KEYWORD_IN_TEXT) for route in routes),
            prefixes=_prefixes(routes),
            sessions={route.name: Decision(route.name, Reason.SESSION) for route in routes},
            session_ttl=timedelta(hours=spec.sessions.ttl_hours),
            fallback=Decision(home if spec.fallback == HOME_FALLBACK else spec.fallback, Reason.FALLBACK),
            statuses=_delivered_or_counted(spec.statuses.route, Reason.STATUS),
            others=_delivered_or_counted(spec.others.route, Reason.OTHER),
        )


def _media(routes: Iterable[Route]) -> dict[str, Decision]:
    """A voice note is an audio too: it goes to the route of audio where none takes voice."""
    accepting: dict[str, Decision] = {}
    for route in routes:
        for media in route.accepts:
            accepting.setdefault(media, Decision(route.name, Reason.MEDIA))
    if Media.AUDIO in accepting:
        accepting.setdefault(Media.VOICE, accepting[Media.AUDIO])
    return accepting


def _exact(routes: Sequence[Route]) -> dict[str, Decision]:
    exact: dict[str, Decision] = {}
    for route in routes:
        if route.menu is not None:
            exact.setdefault(normalised(route.menu.key), _chosen(route, Reason.MENU_KEY, route.menu.key))
    for route in routes:
        for keyword in route.keywords:
            exact.setdefault(normalised(keyword), _chosen(route, Reason.KEYWORD))
    return exact


def _prefixes(routes: Iterable[Route]) -> tuple[tuple[str, Decision], ...]:
    prefixes = [
        (normalised(prefix), _chosen(route, Reason.STATE_PREFIX)) for route in routes for prefix in route.state_prefixes
    ]
    return tuple(sorted(prefixes, key=lambda prefix: -len(prefix[0])))


def _menu_key(route: Route) -> str | None:
    return route.menu.key if route.menu is not None else None


def _chosen(route: Route, reason: Reason, menu_selection: str | None = None) -> Decision:
    return Decision(route.name, reason, SessionEffect.SET, menu_selection)


def _delivered_or_counted(route: str, reason: Reason) -> Decision:
    return Decision(route, reason) if route else COUNTED
