"""Rules about words: what leads to one route leads to no other, and is no home word, however it is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webhookcore.routing.matching import normalised
from webhookcore.settings.findings import Finding
from webhookcore.settings.problems import Loc
from webhookcore.settings.view import View, quoted

NAME: Final = "name"


@dataclass(frozen=True, slots=True)
class Claim:
    """A text that leads somewhere. `home` leads to the home menu, a route's name to the route."""

    loc: Loc
    kind: str
    text: str
    owner: str

    def __str__(self) -> str:
        return f"{self.kind} {quoted(self.text)} of {self.owner}"


def words(view: View) -> Iterator[Finding]:
    """Menu keys, keywords, home words and the names in the menu, which come back as reply ids."""
    yield from _once(_words(view), view)


def state_prefixes(view: View) -> Iterator[Finding]:
    """Beginnings of reply ids; a longer one may begin with a shorter one of another route, and goes first."""
    yield from _once(_prefixes(view), view)


def _words(view: View) -> Iterator[Claim]:
    """Home's first: they may be the default ones, and then a route's word is the one that somebody wrote."""
    for position, keyword in enumerate(view.spec.home.keywords):
        yield Claim(("spec", "home", "keywords", position), "word", keyword, "home")
    for index, route in enumerate(view.spec.routes):
        loc = ("spec", "routes", index)
        if route.menu is not None:
            yield Claim((*loc, "name"), NAME, route.name, route.name)
            yield Claim((*loc, "menu", "key"), "menu key", route.menu.key, route.name)
        for position, keyword in enumerate(route.keywords):
            yield Claim((*loc, "keywords", position), "keyword", keyword, route.name)


def _prefixes(view: View) -> Iterator[Claim]:
    for index, route in enumerate(view.spec.routes):
        for position, prefix in enumerate(route.state_prefixes):
            loc = ("spec", "routes", index, "statePrefixes", position)
            yield Claim(loc, "state prefix", prefix, route.name)


def _once(claims: Iterator[Claim], view: View) -> Iterator[Finding]:
    first: dict[str, Claim] = {}
    for claim in claims:
        form = normalised(claim.text)
        if not form:
            yield Finding(claim.loc, quoted(claim.text), "must hold something that can be seen")
            continue
        other = first.setdefault(form, claim)
        # A route may have its own name or menu key as a keyword too; the same keyword twice is a slip. (That two routes
        # have one name is told once, by the rule about names.)
        again = other.owner == claim.owner and (other.kind != claim.kind or claim.kind == NAME)
        if other is not claim and not again:
            yield Finding(claim.loc, f"the {claim}", f"must not read the same as the {other} ({view.path(*other.loc)})")
