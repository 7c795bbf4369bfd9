"""What the API server refuses beyond types, in the Common Expression Language (CEL), and what to do about it.

The rules are core's as far as CEL can say them: it knows no case folding, no URL parser and no calendar. So core
refuses all that is refused here, and more. Only a cluster's resource has to name the database's Secret.

The server estimates from the bounds what a rule, or the expression of its message, may cost, and takes no
CustomResourceDefinition with one that may cost too much: a rule that looks at each word of each route twice just fits.
"""

from collections.abc import Callable
from typing import Any, Final

from webhookcore.settings import HOME_FALLBACK, Media
from webhookcore.settings.envelope import Metadata
from webhookcore.settings.fields import ITEM, values
from webhookcore.settings.rules import claims, home, router, routes, schedules, urls
from webhookcore_operator.crd.validation import Path, Reason, Validation, list_of, quoted

SPEC: Final[Path] = ("spec",)
ROUTES: Final[Path] = (*SPEC, "routes")
ROUTE: Final[Path] = (*ROUTES, ITEM)


def _name() -> Validation:
    """The resource's name, which a schema cannot bound in words that say what to do."""
    name = Metadata.model_json_schema()["properties"]["name"]
    return Validation(
        (),
        f"self.metadata.name.size() <= {name['maxLength']} && self.metadata.name.matches({quoted(name['pattern'])})",
        f"must be {values()['metadata', 'name'].bounds}",
        None,
        field=".metadata.name",
    )


def _reference(section: str, otherwise: str) -> Validation:
    """A field that names a route."""
    allowed = f"`{otherwise}`" if otherwise else "empty"
    return Validation(
        SPEC,
        f"self.{section} == {quoted(otherwise)} || self.routes.exists(route, route.name == self.{section})",
        f"must be {allowed} or a route's name",
        routes.references,
        f"{quoted(f'must be {allowed} or the name of one of the routes %s, not %s')}"
        f".format([self.routes.map(route, route.name), self.{section}])",
        field=f".{section}",
    )


def _once(field: str, what: str, core: Callable[..., Any]) -> Validation:
    """A list of words in which no word stands that stands in another route's too."""
    alone = f"self.exists_one(other, word in other.{field})"
    return Validation(
        ROUTES,
        f"self.all(route, route.{field}.all(word, {alone}))",
        f"no {what} may lead to two routes: take it out of one of them",
        core,
        f"{quoted(f'no {what} may lead to two routes, take each of these out of one of them: %s')}"
        f".format([self.map(route, route.{field}.filter(word, !{alone})"
        ".map(word, '%s of %s'.format([word, route.name]))).filter(words, words.size() > 0)])",
    )


def _accepted_once(kind: Media) -> Validation:
    takers = f"self.filter(route, {quoted(kind)} in route.accepts)"
    return Validation(
        ROUTES,
        f"{takers}.size() <= 1",
        f"only one route may accept {kind}",
        routes.media,
        f"{quoted(f'only one route may accept {kind}, not %s')}.format([{takers}.map(route, route.name)])",
    )


def _schedule(section: str) -> Validation:
    return Validation(
        (*SPEC, section, "schedule"),
        r"self.matches('^\\s*\\S+(\\s+\\S+){4}\\s*$')",
        "must be five cron fields: minute, hour, day of month, month, day of week",
        schedules.schedules,
    )


def _url(at: Path) -> tuple[Validation, ...]:
    """What must not get into the cluster's storage, where many can read it, and what can be seen without parsing."""
    return (
        Validation(
            at,
            r"!self.matches('^https?://[^/\\\\?#]*[^/\\\\?#:@][^/\\\\?#]*@')",
            "must hold no user and no password",
            urls.urls,
            reason=Reason.FORBIDDEN,
        ),
        Validation(at, "!self.contains('#')", "must hold no fragment (#...)", urls.urls, reason=Reason.FORBIDDEN),
    )


VALIDATIONS: Final[tuple[Validation, ...]] = (
    _name(),
    Validation(
        (),
        "self.spec.routes.all(route, !has(route.service) || "
        "!['-router', '-router-internal'].exists(end, route.service.name == self.metadata.name + end))",
        "no route may lead to the router itself: name another Service",
        urls.urls,
        field=".spec.routes",
    ),
    # Not a rule of `database` itself: its default would break it, and a default has to be valid.
    Validation(
        SPEC,
        "has(self.database.urlSecretRef)",
        "must name the Secret with the database's URL: urlSecretRef: {name, key}",
        None,
        field=".database.urlSecretRef",
        reason=Reason.REQUIRED,
    ),
    Validation(
        SPEC,
        "has(self.whatsapp.accessTokenRef) || self.home.route != '' || "
        f"(self.home.keywords.size() == 0 && self.fallback != {quoted(HOME_FALLBACK)})",
        "must name the access token that sends the home menu, or spec.home.route a route that does",
        home.way_to_send,
        field=".whatsapp.accessTokenRef",
        reason=Reason.REQUIRED,
    ),
    _reference("fallback", HOME_FALLBACK),
    _reference("home.route", ""),
    _reference("statuses.route", ""),
    _reference("others.route", ""),
    Validation(
        SPEC,
        "self.routes.all(route, route.keywords.all(word, !(word in self.home.keywords)))",
        "no keyword of a route may be a word of the home menu: take it out of one of them",
        claims.words,
        "'no keyword of a route may be a word of the home menu, take each of these out of one of them: %s'"
        ".format([self.routes.map(route, route.keywords.filter(word, word in self.home.keywords)"
        ".map(word, '%s of %s'.format([word, route.name]))).filter(words, words.size() > 0)])",
        field=".routes",
    ),
    Validation(
        SPEC,
        "self.routes.all(route, !has(route.menu) || "
        "!(route.menu.key in self.home.keywords || route.name in self.home.keywords))",
        "neither the menu key nor the name of a route in the menu may be a word of the home menu: choose another",
        claims.words,
        field=".routes",
    ),
    Validation(
        (*SPEC, "router", "path"),
        f"!{list_of(router.RESERVED)}.exists(own, self == own || self.startsWith(own + '/'))",
        f"must not be below {', '.join(router.RESERVED)}, which the router answers itself",
        router.path,
    ),
    Validation(
        (*SPEC, "router", "autoscaling"),
        "self.maxReplicas >= self.minReplicas",
        "must be at least minReplicas",
        router.autoscaling,
        "'must be at least minReplicas (%d)'.format([self.minReplicas])",
        field=".maxReplicas",
    ),
    _once("keywords", "keyword", claims.words),
    _once("statePrefixes", "state prefix", claims.state_prefixes),
    Validation(
        ROUTES,
        "self.all(route, !has(route.menu) || self.all(other, other.name == route.name || "
        "![route.menu.key, route.name].exists(word, word in other.keywords || "
        "(has(other.menu) && word in [other.menu.key, other.name]))))",
        "neither the menu key nor the name of a route in the menu may be a keyword, menu key or name of another route",
        claims.words,
    ),
    Validation(
        ROUTES,
        f"self.filter(route, has(route.menu)).size() <= {home.MAX_ROWS}",
        f"at most {home.MAX_ROWS} routes may have a menu entry, WhatsApp shows no more: take `menu` out of the others",
        home.rows,
    ),
    *map(_accepted_once, Media),
    Validation(ROUTE, "has(self.url) || has(self.service)", "must have a url or a service", routes.one_target),
    Validation(ROUTE, "!(has(self.url) && has(self.service))", "must not have both url and service", routes.one_target),
    Validation(
        (*ROUTE, "name"),
        f"!(self in {list_of(routes.RESERVED)})",
        "must be another name: this one is the home menu's",
        routes.names,
    ),
    *_url((*ROUTE, "url")),
    *_url((*SPEC, "whatsapp", "graphApiUrl")),
    _schedule("dlq"),
    _schedule("cleanup"),
)
