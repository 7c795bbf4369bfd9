"""The routes as the router delivers to them; the home menu is one of them."""

from dataclasses import dataclass, replace

from webhookcore.notification.parse import NotANotification, parse_notification
from webhookcore.notification.split import split
from webhookcore.redelivery import Redelivery
from webhookcore.routing.decide import decide_anew
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import WebhookCoreSpec

_HOME_CONCURRENCY = 64
_HOME_MAX_AGE_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Somewhere that deliveries go: a route of the configuration, or the home menu."""

    name: str
    concurrency: int
    max_age_minutes: int
    paused: bool


class Routes:
    """Every route by name; fixed for the life of a router."""

    def __init__(self, spec: WebhookCoreSpec, table: RoutingTable) -> None:
        self._table = table
        self._named = [
            Deliverable(route.name, route.concurrency, route.max_age_minutes, route.paused) for route in spec.routes
        ]
        home = Deliverable(HOME_SERVICE, _HOME_CONCURRENCY, _HOME_MAX_AGE_MINUTES, paused=False)
        menu_is_ours = not spec.home.route
        self._all = {route.name: route for route in [*self._named, *([home] if menu_is_ours else [])]}

    def named(self) -> list[Deliverable]:
        """The routes of the configuration, in its order."""
        return self._named

    def all(self) -> list[Deliverable]:
        """The same and, where Webhook Core sends it itself, the home menu."""
        return list(self._all.values())

    def paused(self, name: str) -> bool:
        return self._all[name].paused

    def knows(self, name: str) -> bool:
        return name in self._all

    def resolve(self, redelivery: Redelivery) -> Redelivery | None:
        """To the route that was decided first; is it gone, as its text says now; None when it says nothing."""
        if self.knows(redelivery.route):
            return redelivery
        try:
            events = split(parse_notification(redelivery.body), redelivery.body)
        except NotANotification:
            return None
        decision = decide_anew(events[0], self._table) if len(events) == 1 else None
        if decision is None or decision.route is None:
            return None
        menu = decision.menu_selection
        return replace(redelivery, route=decision.route, reason=decision.reason, menu_selection=menu)
