"""Resources that are accepted, and resources that are refused: by the API server, by core, or by both.

Each case changes some fields of a good resource. The server's verdict is tested in a cluster, core's among the unit
tests; both read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from tests.unit.settings.configs import REMOVED, VALID, changed

GOOD: Final = changed({"spec.database": {"urlSecretRef": {"name": "database", "key": "url"}}}, VALID)


class Refused(Enum):
    """Who refuses a resource."""

    BY_NOBODY = frozenset[str]()
    BY_BOTH = frozenset({"server", "core"})
    BY_CORE = frozenset({"core"})
    """What CEL cannot say: in a cluster it becomes a condition of the resource."""
    BY_SERVER = frozenset({"server"})
    """What only a cluster needs, or what only a cluster's storage makes of it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A resource and the verdicts on it."""

    name: str
    changes: Mapping[str, Any]
    refused: Refused = Refused.BY_NOBODY
    says: str = ""
    """A part of what the server says, field and remedy."""

    @property
    def resource(self) -> dict[str, Any]:
        return changed(self.changes, GOOD)

    @property
    def by_server(self) -> bool:
        return "server" in self.refused.value

    @property
    def by_core(self) -> bool:
        return "core" in self.refused.value


def both(name: str, changes: Mapping[str, Any], says: str) -> Case:
    return Case(name, changes, Refused.BY_BOTH, says)


def core(name: str, changes: Mapping[str, Any]) -> Case:
    return Case(name, changes, Refused.BY_CORE)


def route(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"r{number}", "url": "http://r/", **more}


NO_TOKEN: Final[dict[str, Any]] = {"spec.whatsapp.accessTokenRef": REMOVED}
SCALING: Final = "spec.router.autoscaling"
MENU: Final = {"key": "9", "title": "Nine"}

ACCEPTED: Final = (
    Case("the good one", {}),
    Case("no routes", {"spec.routes": []}),
    Case("a name of 40 characters", {"metadata.name": "a" * 40}),
    Case("a field without a value", {"spec.image": {"tag": None}, "spec.router": {"slo": None}}),
    Case("no way to the home menu", {**NO_TOKEN, "spec.home": {"keywords": []}, "spec.fallback": "jobs"}),
    Case("a route that shows the home menu", {**NO_TOKEN, "spec.home.route": "jobs"}),
    Case("a fallback that is a route", {"spec.fallback": "jobs"}),
    Case("statuses and others for a route", {"spec.statuses.route": "jobs", "spec.others.route": "rides"}),
    Case("autoscaling without room", {SCALING: {"minReplicas": 3, "maxReplicas": 3}}),
    Case("a path beside a reserved one", {"spec.router.path": "/metrics-of/health"}),
    Case("its own name and key as keywords", {"spec.routes.0.keywords": ["rides", "1"]}),
    Case("a name that is a keyword elsewhere, not in the menu", {"spec.routes": [route(1), route(2, keywords=["r1"])]}),
    Case("prefixes that begin alike", {"spec.routes.1.statePrefixes": ["trip_job_", "trip"]}),
    Case("both kinds for one route", {"spec.routes.0.accepts": ["audio", "voice"], "spec.routes.1.accepts": []}),
    Case("ten menu entries", {"spec.routes": [route(n, menu={"key": str(n), "title": "A"}) for n in range(10)]}),
    Case("a URL with @ and : in its path", {"spec.routes.0.url": "http://rides:80/a@b:c?d=e@f"}),
    Case("an address as a URL", {"spec.routes.0.url": "http://[::1]:8091/webhook"}),
    Case("a Service of another resource", {"spec.routes.1.service.name": "other-router"}),
    Case("schedules with names and lists", {"spec.dlq.schedule": "0 0 1,15 JAN-JUN mon-fri"}),
    Case("a schedule with more blanks", {"spec.cleanup.schedule": " 0  2 * * * "}),
    Case(
        "what is passed through",
        {
            "spec.router": {
                "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                "tolerations": [{"operator": "Exists"}],
                "affinity": {"nodeAffinity": {"anything": [{"at": ["all"]}]}},
                "topologySpreadConstraints": [{"maxSkew": 1}],
                "nodeSelector": {"disk": "ssd"},
                "podAnnotations": {"example.com/a": "b"},
            }
        },
    ),
    Case("a bearer token", {"spec.routes.0.secretRef": {"name": "rides", "key": "token", "use": "Bearer"}}),
    Case("paused and suspended", {"spec.routes.0.paused": True, "spec.suspend": True}),
)

REFUSED: Final = (
    both(
        "a name with a digit first",
        {"metadata.name": "0a"},
        "metadata.name: Invalid value: must be a lower-case letter",
    ),
    both("a name with a dot", {"metadata.name": "a.b"}, "metadata.name: Invalid value: must be a lower-case letter"),
    both("a name of 41 characters", {"metadata.name": "a" * 41}, "inner hyphens, 1 to 40 characters"),
    both("no spec", {"spec": REMOVED}, "spec: Required value"),
    both("no app secret", {"spec.whatsapp.appSecretRef": REMOVED}, "spec.whatsapp.appSecretRef: Required value"),
    both(
        "half a reference", {"spec.whatsapp.verifyTokenRef.key": REMOVED}, "spec.whatsapp.verifyTokenRef.key: Required"
    ),
    both(
        "a way out of the secrets",
        {"spec.whatsapp.appSecretRef.key": "../x"},
        "spec.whatsapp.appSecretRef.key: Invalid",
    ),
    both(
        "no way to send the home menu", NO_TOKEN, "spec.whatsapp.accessTokenRef: Required value: must name the access"
    ),
    both("home words and no way to send", {**NO_TOKEN, "spec.fallback": "jobs"}, "spec.home.route a route that does"),
    both("a fallback and no way to send", {**NO_TOKEN, "spec.home.keywords": []}, "spec.home.route a route that does"),
    both(
        "no such fallback",
        {"spec.fallback": "x"},
        'must be `home` or the name of one of the routes ["rides", "jobs"], not x',
    ),
    both("an empty fallback", {"spec.fallback": ""}, "spec.fallback: Invalid value"),
    both(
        "no such home route",
        {"spec.home.route": "x"},
        "spec.home.route: Invalid value: must be empty or the name of one",
    ),
    both(
        "no such route of statuses",
        {"spec.statuses.route": "x"},
        "spec.statuses.route: Invalid value: must be empty or",
    ),
    both(
        "no such route of others", {"spec.others.route": "home"}, "spec.others.route: Invalid value: must be empty or"
    ),
    both("a route of no routes", {"spec.fallback": "x", "spec.routes": []}, "name of one of the routes [], not x"),
    both("a reserved path", {"spec.router.path": "/health"}, "spec.router.path: Invalid value"),
    both("below a reserved path", {"spec.router.path": "/internal/x"}, "must not be below /health, /internal, /livez"),
    both("the root path", {"spec.router.path": "/"}, "spec.router.path: Invalid value"),
    both(
        "max below min", {SCALING: {"minReplicas": 4, "maxReplicas": 3}}, "maxReplicas: Invalid value: must be at least"
    ),
    both("max below the default min", {SCALING: {"maxReplicas": 1}}, "must be at least minReplicas (2)"),
    both("autoscaling without max", {SCALING: {}}, "spec.router.autoscaling.maxReplicas: Required value"),
    both("a keyword twice", {"spec.routes.1.keywords": ["a", "taxi"]}, '[["taxi of rides"], ["taxi of jobs"]]'),
    both(
        "a keyword twice in a route",
        {"spec.routes.0.keywords": ["a", "a"]},
        "spec.routes[0].keywords[1]: Duplicate value",
    ),
    both("a prefix twice", {"spec.routes.1.statePrefixes": ["trip_"]}, "no state prefix may lead to two routes"),
    both(
        "a keyword that is a home word",
        {"spec.routes.0.keywords": ["help"]},
        'take each of these out of one of them: [["help of',
    ),
    both(
        "a home word twice",
        {"spec.home.keywords": ["a", "a"]},
        "spec.home.keywords: Invalid value: must hold each item once",
    ),
    both(
        "a menu key that is a home word",
        {"spec.routes.0.menu.key": "?"},
        "may be a word of the home menu: choose another",
    ),
    both(
        "a name that is a home word", {"spec.routes.0.name": "help"}, "may be a word of the home menu: choose another"
    ),
    both(
        "a menu key that is a keyword",
        {"spec.routes.1.menu.key": "taxi"},
        "may be a keyword, menu key or name of another",
    ),
    both("a menu key twice", {"spec.routes.1.menu.key": "1"}, "may be a keyword, menu key or name of another route"),
    both(
        "a menu key that is a name",
        {"spec.routes.1.menu.key": "rides"},
        "may be a keyword, menu key or name of another",
    ),
    both(
        "a name that is a keyword",
        {"spec.routes.1.keywords": ["rides"]},
        "may be a keyword, menu key or name of another",
    ),
    both("a name twice", {"spec.routes.0.name": "jobs"}, "spec.routes[1]: Duplicate value"),
    both("the home menu's name", {"spec.routes.0.name": "home"}, "spec.routes[0].name: Invalid value"),
    both(
        "the home menu's other name",
        {"spec.routes.0.name": "wa-webhook-core"},
        "must be another name: this one is the home",
    ),
    both("no target", {"spec.routes.0.url": REMOVED}, "spec.routes[0]: Invalid value: must have a url or a service"),
    both("two targets", {"spec.routes.0.service": {"name": "x"}}, "spec.routes[0]: Invalid value: must not have both"),
    both(
        "audio for two", {"spec.routes.1.accepts": ["audio"]}, 'only one route may accept audio, not ["rides", "jobs"]'
    ),
    both(
        "voice for two", {"spec.routes.0.accepts": ["voice"]}, 'only one route may accept voice, not ["rides", "jobs"]'
    ),
    both("a kind twice", {"spec.routes.0.accepts": ["audio", "audio"]}, "spec.routes[0].accepts[1]: Duplicate value"),
    both("no such kind", {"spec.routes.0.accepts": ["video"]}, 'supported values: "audio", "voice"'),
    both(
        "eleven entries",
        {"spec.routes": [route(n, menu={"key": f"{n}", "title": "A"}) for n in range(11)]},
        "at most 10 routes may have a menu entry",
    ),
    both(
        "seventeen routes",
        {"spec.routes": [route(n) for n in range(17)]},
        "spec.routes: Too many: 17: must have at most 16 items",
    ),
    both(
        "a user in a URL",
        {"spec.routes.0.url": "http://u@rides/"},
        "spec.routes[0].url: Forbidden: must hold no user and",
    ),
    both(
        "a password in a URL",
        {"spec.whatsapp.graphApiUrl": "https://:p@x/"},
        "spec.whatsapp.graphApiUrl: Forbidden: must hold no",
    ),
    both(
        "a fragment in a URL",
        {"spec.routes.0.url": "http://rides/#x"},
        "spec.routes[0].url: Forbidden: must hold no fragment",
    ),
    both("a fragment in the Graph API", {"spec.whatsapp.graphApiUrl": "https://x/#y"}, "must hold no fragment (#...)"),
    both("another scheme", {"spec.routes.0.url": "ftp://rides/"}, "spec.routes[0].url: Invalid value"),
    both(
        "the router itself",
        {"spec.routes.1.service.name": "core-router"},
        "no route may lead to the router itself: name another",
    ),
    both(
        "its internal Service",
        {"spec.routes.1.service.name": "core-router-internal"},
        "spec.routes: Invalid value: no route may",
    ),
    both("four cron fields", {"spec.dlq.schedule": "* * * 12-13"}, "spec.dlq.schedule: Invalid value"),
    both(
        "six cron fields",
        {"spec.cleanup.schedule": "0 0 2 * * *"},
        "must be five cron fields: minute, hour, day of month",
    ),
    both(
        "a cron macro",
        {"spec.dlq.schedule": "@every 1h30m"},
        "must be five cron fields: minute, hour, day of month, month,",
    ),
    both("no replicas", {"spec.router.replicas": 0}, "spec.router.replicas: Invalid value: 0"),
    both("a number as text", {"spec.router.replicas": "2"}, "spec.router.replicas: Invalid value"),
    both("half a router", {"spec.router.replicas": 1.5}, "spec.router.replicas: Invalid value"),
    both("another policy", {"spec.image.pullPolicy": "never"}, 'supported values: "Always", "IfNotPresent", "Never"'),
    both("a tag in a repository", {"spec.image.repository": "a:b:c"}, "spec.image.repository: Invalid value"),
    both("a pull secret twice", {"spec.image.pullSecrets": ["a", "a"]}, "spec.image.pullSecrets[1]: Duplicate value"),
    both("no backoff", {"spec.dlq.backoffMinutes": []}, "spec.dlq.backoffMinutes"),
    both("a good code", {"spec.routes.0.retry": {"never": [200]}}, "spec.routes[0].retry.never[0]: Invalid value: 200"),
    both(
        "a code twice",
        {"spec.routes.0.retry": {"never": [404, 404]}},
        "spec.routes[0].retry.never: Invalid value: must hold each",
    ),
    both("a blank title", {"spec.routes.0.menu.title": "  "}, "spec.routes[0].menu.title: Invalid value"),
    both(
        "a title of 25",
        {"spec.routes.0.menu.title": "x" * 25},
        "spec.routes[0].menu.title: Too long: may not be more than 24",
    ),
    both(
        "a key too long",
        {"spec.router.nodeSelector": {"k" * 318: "v"}},
        "spec.router.nodeSelector: Invalid value: a key must have 1 to",
    ),
    both(
        "an empty key",
        {"spec.router.podAnnotations": {"": "v"}},
        "spec.router.podAnnotations: Invalid value: a key must have 1 to",
    ),
    both(
        "a number as a label", {"spec.router.nodeSelector": {"disk": 3}}, "spec.router.nodeSelector.disk: Invalid value"
    ),
    both("a list as resources", {"spec.router.resources": []}, "spec.router.resources: Invalid value"),
    both("an unknown field", {"spec.sessions": {"ttlHour": 3}}, 'unknown field "spec.sessions.ttlHour"'),
    both("a secret in the config", {"spec.whatsapp.appSecret": "x"}, 'unknown field "spec.whatsapp.appSecret"'),
)

CORES_OWN: Final = (
    core("a keyword twice, in another case", {"spec.routes.1.keywords": ["TAXI"]}),
    core("a keyword that cannot be seen", {"spec.routes.0.keywords": ["\u200b"]}),
    core("a blank that only Unicode knows", {"spec.routes.0.menu.title": "\u00a0"}),
    core("a prefix twice, in another case", {"spec.routes.1.statePrefixes": ["TRIP_"]}),
    core("a metadata address", {"spec.routes.0.url": "http://169.254.169.254/"}),
    core("a metadata Service", {"spec.routes.1.service.name": "metadata"}),
    core("the router itself, by URL", {"spec.routes.0.url": "http://core-router.apps.svc/"}),
    core("no port", {"spec.routes.0.url": "http://rides:99999/"}),
    core("no such minute", {"spec.dlq.schedule": "60 * * * *"}),
    core("no such time", {"spec.cleanup.schedule": "0 0 31 2 *"}),
    core("Sunday as 7", {"spec.dlq.schedule": "* * * * 7"}),
    core("no such time zone", {"spec.dlq.timeZone": "Nowhere"}),
    core("too much to pass through", {"spec.router.affinity": {"a": "x" * 16_384}}),
)

SERVERS_OWN: Final = (
    Case(
        "no database's Secret",
        {"spec.database": {}},
        Refused.BY_SERVER,
        "spec.database.urlSecretRef: Required value: must name the Secret with the database's URL",
    ),
)

CASES: Final = (*ACCEPTED, *REFUSED, *CORES_OWN, *SERVERS_OWN)
