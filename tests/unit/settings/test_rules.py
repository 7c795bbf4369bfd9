"""The rules beyond types: what each accepts, what it refuses, and where it says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.settings.configs import REMOVED, paths_of, problems_of, spec_of

from webhookcore.routing.matching import normalised
from webhookcore.settings.rules.home import MAX_ROWS
from webhookcore.settings.rules.schedules import is_time_zone, wrong_schedule

BOUNDS = [
    ("spec.database.poolSize", 2, 128),
    ("spec.router.replicas", 1, 64),
    ("spec.router.timeoutMs", 100, 30_000),
    ("spec.router.slo.coldStartMs", 1, 600_000),
    ("spec.router.slo.p95Ms", 1, 600_000),
    ("spec.router.rateLimit.messagesPerMinute", 1, 60_000),
    ("spec.routes.0.priority", -1000, 1000),
    ("spec.routes.0.concurrency", 1, 1024),
    ("spec.routes.0.maxAgeMinutes", 1, 10_080),
    ("spec.routes.0.retry.inRequest", 0, 10),
    ("spec.routes.1.service.port", 1, 65_535),
    ("spec.dlq.batchSize", 1, 1000),
    ("spec.dlq.concurrency", 1, 500),
    ("spec.dlq.maxRetries", 1, 20),
    ("spec.dlq.maxRunSeconds", 1, 3600),
    ("spec.dlq.alertThreshold", 1, 1_000_000),
    ("spec.dlq.successfulJobsHistoryLimit", 0, 100),
    ("spec.dlq.failedJobsHistoryLimit", 1, 100),
    ("spec.sessions.ttlHours", 1, 8760),
    ("spec.cleanup.dlqRetentionDays", 1, 3650),
    ("spec.cleanup.abandonedRetentionDays", 1, 3650),
]


@pytest.mark.parametrize(("path", "lowest", "highest"), BOUNDS)
def test_numbers(path: str, lowest: int, highest: int) -> None:
    """A number's bounds are inside, what is beyond them or no number is refused, with both bounds."""
    assert problems_of({path: lowest}) == problems_of({path: highest}) == []
    for wrong in (lowest - 1, highest + 1, str(lowest), 1.5, True):
        (problem,) = problems_of({path: wrong})
        assert problem.path == path.replace(".0.", "[0].").replace(".1.", "[1].")
        assert problem.allowed == f"must be an integer: {lowest} to {highest}"


LENGTHS = [
    ("spec.routes.0.menu.key", 1, 32),
    ("spec.routes.0.menu.title", 1, 24),
    ("spec.routes.0.menu.description", 0, 72),
    ("spec.routes.0.keywords.0", 1, 32),
    ("spec.routes.0.statePrefixes.0", 1, 32),
    ("spec.home.text", 1, 1024),
    ("spec.home.button", 1, 20),
    ("spec.routes.0.name", 1, 63),
    ("metadata.name", 1, 40),
]


@pytest.mark.parametrize(("path", "shortest", "longest"), LENGTHS)
def test_texts(path: str, shortest: int, longest: int) -> None:
    """A text's length is bounded, WhatsApp's limits among them, counted in characters."""
    fill = "x" if "name" in path else "é"
    assert problems_of({path: fill * shortest}) == problems_of({path: fill * longest}) == []
    wrong = [fill * (longest + 1), 3] + ["", "  "] * bool(shortest)
    for value in wrong:
        assert paths_of({path: value}) == [path.replace(".0", "[0]")]


def test_counts() -> None:
    """At most 16 routes, each with at most 32 keywords; the longest config that is allowed is accepted."""
    routes = [
        {
            "name": f"route-{number}".ljust(63, "x"),
            "url": "http://r/",
            "keywords": [f"{number}-{keyword}".ljust(32, "é") for keyword in range(32)],
            "statePrefixes": [f"{number}-{prefix}".ljust(32, "é") for prefix in range(32)],
        }
        for number in range(16)
    ]
    assert problems_of({"spec.routes": routes}) == []
    assert paths_of({"spec.routes": [*routes, {"name": "more", "url": "http://r/"}]}) == ["spec.routes"]
    routes[0]["keywords"] = [f"k{keyword}" for keyword in range(33)]
    assert paths_of({"spec.routes": routes}) == ["spec.routes[0].keywords"]
    assert paths_of({"spec.home.keywords": [f"k{keyword}" for keyword in range(33)]}) == ["spec.home.keywords"]


@pytest.mark.parametrize("name", ["a", "wa-webhook-mobility", "0", "a" * 63])
def test_route_names(name: str) -> None:
    """A route's name is a DNS label."""
    assert problems_of({"spec.routes.0.name": name}) == []


@pytest.mark.parametrize(
    "name", ["A", "a_b", "a.b", "-a", "a-", "a" * 64, "é", "a\n", "home", "wa-webhook-core", "jobs"]
)
def test_wrong_route_names(name: str) -> None:
    """No other shape, not the home menu's names, and no name twice (which is told at the second of them)."""
    assert paths_of({"spec.routes.0.name": name}) == [f"spec.routes[{1 if name == 'jobs' else 0}].name"]


def test_one_target() -> None:
    """A route has a url or a service."""
    assert paths_of({"spec.routes.0.url": REMOVED}) == ["spec.routes[0]"]
    assert paths_of({"spec.routes.0.service": {"name": "x"}}) == ["spec.routes[0]"]
    assert paths_of({"spec.routes.1.service": {"name": "x_y"}}) == ["spec.routes[1].service.name"]
    assert paths_of({"spec.routes.1.service": {}}) == ["spec.routes[1].service.name"]
    assert paths_of({"spec.routes.1.service.path": "x"}) == ["spec.routes[1].service.path"]


URLS = [
    "http://rides/",
    "https://rides.example.com:8443/hook?x=1",
    "http://127.0.0.1:8091/webhook",
    "http://[::1]:8091/webhook",
    "http://[fd00::1]/",
    "http://10.0.0.1",
    "HTTP://RIDES/",
    "http://metadata.example.com/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("path", ["spec.routes.0.url", "spec.whatsapp.graphApiUrl"])
def test_urls(path: str, url: str) -> None:
    """Http and https, names and addresses, private ones too: that is where services are."""
    assert problems_of({path: url.lower() if "HTTP" in url else url}) == []


WRONG_URLS = [
    "",
    "rides",
    "//rides/",
    "ftp://rides/",
    "file:///etc/passwd",
    "http://",
    "http:///x",
    "http://a b/",
    "http://rides:99999/",
    "http://user@rides/",
    "http://user:pw@rides/",
    "http://:pw@rides/",
    "http://rides/#x",
    "http://rides/\nx",
    "http://[::1/",
    "http://" + "x" * 2048,
    "http://169.254.169.254/",
    "http://169.254.0.1:80/x",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://%31%36%39.254.169.254/",
    "http://\uff11\uff16\uff19.254.169.254/",
    "http://169.254.169.254./",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "http://metadata/",
]


@pytest.mark.parametrize("url", WRONG_URLS)
@pytest.mark.parametrize("path", ["spec.routes.0.url", "spec.whatsapp.graphApiUrl"])
def test_wrong_urls(path: str, url: str) -> None:
    """Another scheme, credentials, and a cloud's metadata address in any spelling are refused."""
    assert paths_of({path: url}) == [path.replace(".0.", "[0].")]


@pytest.mark.parametrize("host", ["core-router", "core-router.apps.svc", "core-router-internal.apps.svc.cluster.local"])
def test_not_to_itself(host: str) -> None:
    """A route does not point at the router's own Services."""
    (problem,) = problems_of({"spec.routes.0.url": f"http://{host}:8080/wa-webhook-core"})
    assert (problem.path, problem.allowed) == ("spec.routes[0].url", "must not be the router itself")
    (problem,) = problems_of({"spec.routes.1.service.name": "core-router"})
    assert problem.path == "spec.routes[1].service.name"
    assert paths_of({"spec.routes.1.service": {"name": "metadata"}}) == ["spec.routes[1].service.name"]
    assert problems_of({"metadata.name": "other", "spec.routes.0.url": f"http://{host}/"}) == []


REFERENCES = ["spec.fallback", "spec.home.route", "spec.statuses.route", "spec.others.route"]


@pytest.mark.parametrize("path", REFERENCES)
def test_references(path: str) -> None:
    """What names a route names one that there is; empty is no route, and `home` is the fallback's own word."""
    assert problems_of({path: "jobs"}) == []
    assert problems_of({path: "home" if path == "spec.fallback" else ""}) == []
    (problem,) = problems_of({path: "job"})
    otherwise = "home" if path == "spec.fallback" else "empty"
    assert (problem.path, problem.allowed) == (path, f"must be {otherwise} or a route's name (`rides`, `jobs`)")
    assert paths_of({path: "" if path == "spec.fallback" else "home"}) == [path]
    (problem,) = problems_of({path: "rides", "spec.routes": []})
    assert problem.allowed.endswith("(there is none)")


def test_media() -> None:
    """A kind of message is accepted by one route, once."""
    assert problems_of({"spec.routes.0.accepts": ["audio", "voice"], "spec.routes.1.accepts": []}) == []
    (problem,) = problems_of({"spec.routes.1.accepts": ["voice", "audio"]})
    assert (problem.path, problem.found) == ("spec.routes[1].accepts[1]", '"audio"')
    assert "spec.routes[0].accepts[0]" in problem.allowed
    assert paths_of({"spec.routes.0.accepts": ["audio", "audio"]}) == ["spec.routes[0].accepts[1]"]
    assert paths_of({"spec.routes.0.accepts": ["image"]}) == ["spec.routes[0].accepts[0]"]


def test_the_home_menu_can_be_sent() -> None:
    """An access token or a home route is required, unless nothing leads to the menu."""
    no_token: dict[str, Any] = {"spec.whatsapp.accessTokenRef": REMOVED}
    assert paths_of(no_token) == ["spec.whatsapp.accessTokenRef"]
    assert paths_of({**no_token, "spec.fallback": "jobs"}) == ["spec.whatsapp.accessTokenRef"]
    assert paths_of({**no_token, "spec.home.keywords": []}) == ["spec.whatsapp.accessTokenRef"]
    assert paths_of({**no_token, "spec.home": {"keywords": []}, "spec.fallback": "jobs"}) == []
    assert paths_of({**no_token, "spec.home.route": "jobs"}) == []
    assert paths_of({**no_token, "spec.home.route": 3}) == ["spec.home.route"]


def test_menu_rows() -> None:
    """WhatsApp's list has at most ten rows; a route without an entry takes none."""
    routes: list[dict[str, Any]] = [
        {"name": f"r{number}", "url": "http://r/", "menu": {"key": str(number), "title": "A"}} for number in range(13)
    ]
    assert paths_of({"spec.routes": routes[:MAX_ROWS]}) == []
    del routes[3]["menu"]
    assert paths_of({"spec.routes": routes}) == ["spec.routes[11].menu", "spec.routes[12].menu"]


CLAIMS: list[tuple[dict[str, Any], str]] = [
    ({"spec.routes.1.keywords": ["taxi"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.1.keywords": ["ok", " TAXI  "]}, "spec.routes[1].keywords[1]"),
    ({"spec.routes.1.keywords": ["\uff54\uff41\uff58\uff49"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.0.keywords": ["straße"], "spec.routes.1.keywords": ["STRASSE"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.0.keywords": ["caf\u00e9"], "spec.routes.1.keywords": ["cafe\u0301"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.1.menu.key": "1"}, "spec.routes[1].menu.key"),
    ({"spec.routes.1.menu.key": "\uff11"}, "spec.routes[1].menu.key"),
    ({"spec.routes.1.menu.key": "Taxi"}, "spec.routes[1].menu.key"),
    ({"spec.routes.1.keywords": ["1"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.1.keywords": ["Rides"]}, "spec.routes[1].keywords[0]"),
    ({"spec.routes.0.keywords": ["Hello"]}, "spec.routes[0].keywords[0]"),
    ({"spec.routes.0.menu.key": "?"}, "spec.routes[0].menu.key"),
    ({"spec.routes.0.name": "help"}, "spec.routes[0].name"),
    ({"spec.home.keywords": ["hi", "Hi"]}, "spec.home.keywords[1]"),
    ({"spec.routes.0.keywords": ["a", "b", "A"]}, "spec.routes[0].keywords[2]"),
    ({"spec.routes.0.keywords": ["\u200b"]}, "spec.routes[0].keywords[0]"),
    ({"spec.routes.1.statePrefixes": ["TRIP_"]}, "spec.routes[1].statePrefixes[0]"),
    ({"spec.routes.0.statePrefixes": ["a", "a"]}, "spec.routes[0].statePrefixes[1]"),
]


@pytest.mark.parametrize(("changes", "path"), CLAIMS)
def test_claimed_twice(changes: dict[str, Any], path: str) -> None:
    """A word leads to one place, however it is written; the problem stands at the second claim."""
    assert paths_of(changes) == [path]


def test_claimed_twice_names_both() -> None:
    """Both routes are named, and where the first claim stands."""
    (problem,) = problems_of({"spec.routes.1.keywords": ["TAXI"]})
    assert problem.found == 'the keyword "TAXI" of jobs'
    assert problem.allowed == 'must not read the same as the keyword "taxi" of rides (spec.routes[0].keywords[1])'


def test_claims_that_are_none() -> None:
    """A route's own name or menu key may be its keyword; a name matters in the menu only; prefixes may begin alike."""
    assert problems_of({"spec.routes.0.keywords": ["rides", "1"]}) == []
    assert problems_of({"spec.routes.0.menu": REMOVED, "spec.routes.1.keywords": ["rides", "1"]}) == []
    assert problems_of({"spec.routes.0.menu": REMOVED, "spec.routes.0.name": "help"}) == []
    assert problems_of({"spec.routes.1.statePrefixes": ["trip_job_", "trip"]}) == []
    assert problems_of({"spec.home.keywords": ["hi", "start"], "spec.routes.0.keywords": ["help"]}) == []


printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(printable, printable)
def test_a_claim_is_judged_as_it_is_matched(one: str, other: str) -> None:
    """Two routes may have two keywords exactly if the matcher tells them apart."""
    changes = {"spec.routes.0.keywords": [one], "spec.routes.1.keywords": [other], "spec.home.keywords": ["nothing"]}
    taken = {normalised(text) for text in ("1", "2", "rides", "jobs", "nothing", "")}
    if taken.isdisjoint({normalised(one), normalised(other)}):
        assert bool(problems_of(changes)) == (normalised(one) == normalised(other))


@pytest.mark.parametrize("path", ["/x", "/wa-webhook-core", "/a/b.c/~d_e", "/healthy", "/metrics-of", "/x/health"])
def test_paths(path: str) -> None:
    """The path is absolute and plain."""
    assert problems_of({"spec.router.path": path}) == []


WRONG_PATHS = [
    "",
    "/",
    "x",
    "/x/",
    "//x",
    "/x//y",
    "/../x",
    "/x y",
    "/x?y",
    "/<x>",
    "/é",
    "/%41",
    "/x\n",
    "/health",
    "/internal",
    "/internal/deliver",
    "/metrics",
    "/livez",
    "/readyz",
    "/" + "x" * 128,
]


@pytest.mark.parametrize("path", WRONG_PATHS)
def test_wrong_paths(path: str) -> None:
    """Not the root, nothing that needs escaping, and none of the router's own paths."""
    assert paths_of({"spec.router.path": path}) == ["spec.router.path"]


def test_autoscaling() -> None:
    """There is room between min and max; max is required."""
    assert problems_of({"spec.router.autoscaling": {"minReplicas": 3, "maxReplicas": 3}}) == []
    scaling = "spec.router.autoscaling"
    assert paths_of({scaling: {"minReplicas": 4, "maxReplicas": 3}}) == [f"{scaling}.maxReplicas"]
    assert paths_of({scaling: {}}) == [f"{scaling}.maxReplicas"]
    assert paths_of({scaling: {"minReplicas": 65, "maxReplicas": 1}}) == [
        f"{scaling}.minReplicas",
        f"{scaling}.maxReplicas",
    ]


@pytest.mark.parametrize(
    "schedule",
    [
        "*/5 * * * *",
        "0 2 * * *",
        "0 0 1,15 JAN-JUN mon-fri",
        "5/15 * * * 0-6",
        "0 0 29 2 *",
        " 0  2 * * * ",
        "7 7 7 7 */7",
    ],
)
def test_schedules(schedule: str) -> None:
    """Five fields with numbers, names, ranges, lists and steps."""
    assert wrong_schedule(schedule) is None
    assert problems_of({"spec.dlq.schedule": schedule, "spec.cleanup.schedule": schedule}) == []


WRONG_SCHEDULES = [
    "* * * *",
    "0 * * * * *",
    "@daily",
    "@every 1h30m",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "* * * * 7",
    "* * * * 1-7",
    "*/0 * * * *",
    "a b c d e",
    "0 0 31 2 *",
    "0 0 L * *",
    "0 0 LW * *",
    "0 0 * * 5L",
    "0 0 * * 5#2",
    "* * * * 5-1",
    "* * * * *" + " " * 100,
]


@pytest.mark.parametrize("schedule", WRONG_SCHEDULES)
def test_wrong_schedules(schedule: str) -> None:
    """What never comes, what cron does not know, and what only one of the two schedulers knows."""
    assert paths_of({"spec.dlq.schedule": schedule}) == ["spec.dlq.schedule"]
    assert paths_of({"spec.cleanup.schedule": schedule}) == ["spec.cleanup.schedule"]


@given(st.text("0123456789*/,-LW# JANMONSUN", max_size=30))
def test_any_schedule_is_judged(schedule: str) -> None:
    """No text makes anything else happen."""
    assert wrong_schedule(schedule) is None or "must" in str(wrong_schedule(schedule))


@pytest.mark.parametrize("zone", ["Etc/UTC", "UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+1"])
def test_time_zones(zone: str) -> None:
    """IANA's names."""
    assert is_time_zone(zone)
    assert problems_of({"spec.dlq.timeZone": zone}) == []


WRONG_ZONES = ["", "Nowhere", "europe/paris", "Europe", "../UTC", "/etc/localtime", "Local", "localtime", "a\0b"]


@pytest.mark.parametrize("zone", WRONG_ZONES)
def test_wrong_time_zones(zone: str) -> None:
    """Nothing else, no folder, no path, and not what the machine happens to have."""
    assert not is_time_zone(zone)
    assert paths_of({"spec.cleanup.timeZone": zone}) == ["spec.cleanup.timeZone"]


def test_backoff() -> None:
    """At least one wait, each a minute or more."""
    assert problems_of({"spec.dlq.backoffMinutes": [1]}) == []
    assert paths_of({"spec.dlq.backoffMinutes": []}) == ["spec.dlq.backoffMinutes"]
    assert paths_of({"spec.dlq.backoffMinutes": [2, 0, 1441]}) == [
        "spec.dlq.backoffMinutes[1]",
        "spec.dlq.backoffMinutes[2]",
    ]
    assert paths_of({"spec.dlq.backoffMinutes": [1] * 21}) == ["spec.dlq.backoffMinutes"]


@pytest.mark.parametrize("code", [299, 600, "400", 200])
def test_never_holds_status_codes(code: object) -> None:
    """Only codes of failures."""
    assert paths_of({"spec.routes.0.retry": {"never": [404, code]}}) == ["spec.routes[0].retry.never[1]"]


@pytest.mark.parametrize("key", ["a", "a.b", ".dockerconfigjson", "A_b-c", "app-secret"])
def test_secret_keys(key: str) -> None:
    """A key is what Kubernetes allows."""
    assert problems_of({"spec.whatsapp.appSecretRef.key": key}) == []


@pytest.mark.parametrize("key", ["", ".", "..", "..a", "a/b", "../x", "a b", "a\n", "x" * 254])
def test_secret_keys_are_no_paths(key: str) -> None:
    """Neither key nor name leads out of the secrets' folder."""
    assert paths_of({"spec.whatsapp.appSecretRef.key": key}) == ["spec.whatsapp.appSecretRef.key"]
    name = key.replace("a", "-a")
    assert paths_of({"spec.whatsapp.appSecretRef.name": name}) == ["spec.whatsapp.appSecretRef.name"]


CHOICES = [
    ("spec.image.pullPolicy", ["Always", "IfNotPresent", "Never"]),
    ("spec.database.migrations", ["Auto", "Manual"]),
    ("spec.router.rateLimit.onExceed", ["Delay", "Reject", "Drop"]),
    ("spec.routes.0.secretRef.use", ["Signature", "Bearer"]),
]


@pytest.mark.parametrize(("path", "choices"), CHOICES)
def test_choices(path: str, choices: list[str]) -> None:
    """A choice is one of its words, letter for letter."""
    base = {"spec.routes.0.secretRef": {"name": "a", "key": "b"}}
    for choice in choices:
        assert problems_of({**base, path: choice}) == []
    (problem,) = problems_of({**base, path: choices[0].lower()})
    assert all(f"`{choice}`" in problem.allowed for choice in choices)


@pytest.mark.parametrize("repository", ["", "webhookcore", "ghcr.io/acme/webhookcore", "localhost:5000/x/y"])
@pytest.mark.parametrize("tag", ["", "1.2.3", "v1_x"])
def test_images(repository: str, tag: str) -> None:
    """A repository without a tag, and a tag."""
    assert spec_of({"spec.image": {"repository": repository, "tag": tag}}).image.tag == tag
    assert paths_of({"spec.image": {"repository": "a:b:c", "tag": ":x"}}) == ["spec.image.repository", "spec.image.tag"]
