"""Rules about routes and the names that lead to them."""

from collections.abc import Iterator
from typing import Final

from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.settings.findings import Finding
from webhookcore.settings.spec import HOME_FALLBACK
from webhookcore.settings.view import View, quoted

RESERVED: Final = (HOME_FALLBACK, HOME_SERVICE)
"""What the home menu is called."""


def names(view: View) -> Iterator[Finding]:
    """A route's name is its own, and never what the home menu is called."""
    first: dict[str, int] = {}
    for index, route in enumerate(view.spec.routes):
        loc = ("spec", "routes", index, "name")
        if route.name in RESERVED:
            yield Finding(loc, quoted(route.name), "must be another name: this one is the home menu's")
        if first.setdefault(route.name, index) != index:
            other = view.path("spec", "routes", first[route.name], "name")
            yield Finding(loc, quoted(route.name), f"must be unique, but {other} is the same")


def one_target(view: View) -> Iterator[Finding]:
    """A route has a url or a service, and not both."""
    for index, route in enumerate(view.spec.routes):
        loc = ("spec", "routes", index)
        if view.hurt(*loc, "url") or view.hurt(*loc, "service"):
            continue
        if route.url is None and route.service is None:
            yield Finding(loc, "neither url nor service", "must have one of them")
        if route.url is not None and route.service is not None:
            yield Finding(loc, "both url and service", "must have only one of them")


def references(view: View) -> Iterator[Finding]:
    """Whatever names a route names one that there is."""
    spec, known = view.spec, [route.name for route in view.spec.routes]
    if view.routes_lost:
        return
    named = (
        (("spec", "home", "route"), spec.home.route, ""),
        (("spec", "fallback"), spec.fallback, HOME_FALLBACK),
        (("spec", "statuses", "route"), spec.statuses.route, ""),
        (("spec", "others", "route"), spec.others.route, ""),
    )
    for loc, name, otherwise in named:
        if name not in (*known, otherwise):
            choices = ", ".join(f"`{choice}`" for choice in known) or "there is none"
            yield Finding(loc, quoted(name), f"must be {otherwise or 'empty'} or a route's name ({choices})")


def media(view: View) -> Iterator[Finding]:
    """A kind of message goes to one route."""
    first: dict[str, str] = {}
    for index, route in enumerate(view.spec.routes):
        for position, kind in enumerate(route.accepts):
            loc = ("spec", "routes", index, "accepts", position)
            if kind in first:
                yield Finding(loc, quoted(kind), f"must be accepted once, but {first[kind]} is the same")
            first.setdefault(kind, view.path(*loc))
