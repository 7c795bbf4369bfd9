"""All that is wrong is told at once, each with its field, what was found and what is allowed; never a secret."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.settings.configs import (
    REMOVED,
    VALID,
    changed,
    paths_of,
    problems_of,
    problems_of_text,
    spec_of,
    text_of,
)

from webhookcore.settings import Problem, SettingsError, parse_config
from webhookcore.settings.check import check
from webhookcore.settings.names import value_at

EVERYTHING_WRONG = """\
apiVersion: webhookcore.io/v1
kind: WebhookCoreConfg
metadata: {nmae: x}
spec:
  sessions: {ttlHour: 3}
  timeoutMs: 4
  whatsapp:
    appSecret: hunter2
    verifyTokenRef: hunter2
    accessTokenRef: {name: a}
    graphApiUrl: http://169.254.169.254/x
  router:
    timeoutMs: 5
    replicas: "2"
    path: /internal/x
    autoscaling: {maxReplicas: 1}
    nodeSelector: {disk: 3}
  home: {keywords: [Hi, taxi]}
  fallback: nobody
  routes:
  - name: rides
    url: http://user:hunter2@rides/x?token=hunter2
    keywords: [1, Taxi, TAXI]
    menu: {key: 1, title: A title that is longer than it may be}
    statePrefixes: [trip_]
    accepts: [audio, video]
  - name: Rides
    url: http://rides/
  - name: jobs
    keywords: [" ", ok, taxi]
    statePrefixes: [TRIP_]
    accepts: [audio]
    url: http://2852039166/
    service: {name: x}
  dlq:
    schedule: "* * * *"
    timeZone: Nowhere
    backoffMinutes: []
"""

ALL_PROBLEMS = """\
bad.yaml:1: apiVersion: found "webhookcore.io/v1"; must be a string: `webhookcore.io/v1alpha1`
bad.yaml:2: kind: found "WebhookCoreConfg"; must be a string: `WebhookCoreConfig`
bad.yaml:3: metadata.name: found nothing; must be a string: a lower-case letter, then lower-case letters, digits and \
inner hyphens, 1 to 40 characters
bad.yaml:5: spec.sessions.ttlHour: found an unknown field; did you mean `ttlHours`?
bad.yaml:6: spec.timeoutMs: found an unknown field; did you mean `spec.router.timeoutMs`?
bad.yaml:7: spec.whatsapp.appSecretRef: found nothing; must be a mapping: with `name`, `key`
bad.yaml:8: spec.whatsapp.appSecret: found an unknown field; a secret never stands in the config: name it in \
`appSecretRef: {name, key}`
bad.yaml:9: spec.whatsapp.verifyTokenRef: found text; must be a mapping: with `name`, `key`
bad.yaml:10: spec.whatsapp.accessTokenRef.key: found nothing; must be a string: letters, digits, hyphens, underscores \
and dots, 1 to 253 characters
bad.yaml:11: spec.whatsapp.graphApiUrl: found "http://169.254.169.254/x" (24 characters); must not be a cloud \
metadata address
bad.yaml:13: spec.router.timeoutMs: found 5; must be an integer: 100 to 30000
bad.yaml:14: spec.router.replicas: found "2"; must be an integer: 1 to 64
bad.yaml:15: spec.router.path: found "/internal/x"; must not be below /health, /internal, /livez, /metrics, /readyz
bad.yaml:16: spec.router.autoscaling.maxReplicas: found 1; must be at least minReplicas (2)
bad.yaml:17: spec.router.nodeSelector.disk: found 3; must be a string: at most 63 characters, in quotes
bad.yaml:22: spec.routes[0].url: found "http://…@rides/x?…" (41 characters); must hold no user and no password
bad.yaml:23: spec.routes[0].keywords[0]: found 1; must be a string: not blank, 1 to 32 characters, in quotes
bad.yaml:23: spec.routes[0].keywords[1]: found the keyword "Taxi" of rides; must not read the same as the word \
"taxi" of home (spec.home.keywords[1])
bad.yaml:23: spec.routes[0].keywords[2]: found the keyword "TAXI" of rides; must not read the same as the word \
"taxi" of home (spec.home.keywords[1])
bad.yaml:24: spec.routes[0].menu.key: found 1; must be a string: not blank, 1 to 32 characters, in quotes
bad.yaml:24: spec.routes[0].menu.title: found "A title that is longer than it may be" (37 characters); must be a \
string: not blank, 1 to 24 characters
bad.yaml:26: spec.routes[0].accepts[1]: found "video"; must be a string: `audio` or `voice`
bad.yaml:27: spec.routes[1].name: found "Rides"; must be a string: lower-case letters, digits and inner hyphens, 1 to \
63 characters
bad.yaml:29: spec.routes[2]: found both url and service; must have only one of them
bad.yaml:30: spec.routes[2].keywords[0]: found " "; must be a string: not blank, 1 to 32 characters
bad.yaml:30: spec.routes[2].keywords[2]: found the keyword "taxi" of jobs; must not read the same as the word \
"taxi" of home (spec.home.keywords[1])
bad.yaml:31: spec.routes[2].statePrefixes[0]: found the state prefix "TRIP_" of jobs; must not read the same as the \
state prefix "trip_" of rides (spec.routes[0].statePrefixes[0])
bad.yaml:32: spec.routes[2].accepts[0]: found "audio"; must be accepted once, but spec.routes[0].accepts[0] is the same
bad.yaml:33: spec.routes[2].url: found "http://2852039166/"; must not be a cloud metadata address
bad.yaml:36: spec.dlq.schedule: found "* * * *"; must be a string: five cron fields, such as */5 * * * *, 9 to 100 \
characters
bad.yaml:37: spec.dlq.timeZone: found "Nowhere"; must be an IANA time zone, such as Etc/UTC or Europe/Paris
bad.yaml:38: spec.dlq.backoffMinutes: found a list of 0; must be a list of integers: 1 to 20 items; each 1 to 1440"""


def test_everything_at_once() -> None:
    """Types, unknown fields and the rules across fields come together, in the file's order, with the right indices."""
    with pytest.raises(SettingsError) as caught:
        parse_config(EVERYTHING_WRONG, "bad.yaml")
    assert str(caught.value) == ALL_PROBLEMS
    assert "hunter2" not in str(caught.value)


def test_valid() -> None:
    """The document that the other tests change is accepted."""
    assert problems_of({}) == []


@pytest.mark.parametrize("text", ["[]", "just text", "12", "null"])
def test_no_mapping(text: str) -> None:
    """A document of another shape is one problem."""
    (problem,) = problems_of_text(text)
    assert problem.allowed == "must be a mapping: with `apiVersion`, `kind`, `metadata`, `spec`"


def test_nothing_but_a_kind() -> None:
    """What is missing is missing once, not once more for all that is inside."""
    paths = [problem.path for problem in problems_of_text("kind: WebhookCoreConfig\n")]
    assert paths == ["apiVersion", "metadata", "spec"]
    assert paths_of({"spec": {}}) == ["spec.whatsapp"]
    assert paths_of({"spec.whatsapp": {}}) == [
        "spec.whatsapp.appSecretRef",
        "spec.whatsapp.verifyTokenRef",
        "spec.whatsapp.accessTokenRef",
    ]


@pytest.mark.parametrize("field", ["spec.whatsapp", "spec.routes", "spec.router", "spec", "metadata", "spec.dlq"])
@pytest.mark.parametrize("value", [3, "x", [1], {"nonsense": 1}])
def test_the_rest_is_checked_whatever_is_wrong(field: str, value: Any) -> None:
    """A section of the wrong shape hides no mistake elsewhere (except what stands in it)."""
    elsewhere = {"spec.sessions": {"ttlHours": 0}} if field != "spec" else {"apiVersion": "x"}
    paths = paths_of({**elsewhere, field: value} if field != "spec.dlq" else {field: value, **elsewhere})
    assert any(path.startswith(field) for path in paths)
    assert "spec.sessions.ttlHours" in paths or "apiVersion" in paths


def test_empty_fields_are_absent() -> None:
    """A field without a value has its default, as in Kubernetes; an unknown one is still unknown."""
    spec = spec_of({"spec.router": None, "spec.routes.0.menu": None, "spec.dlq": {"schedule": None}})
    assert (spec.router.timeout_ms, spec.routes[0].menu, spec.dlq.schedule) == (4000, None, "*/5 * * * *")
    assert paths_of({"spec.whatsapp.appSecretRef": None}) == ["spec.whatsapp.appSecretRef"]
    assert paths_of({"spec.routs": None}) == ["spec.routs"]
    assert paths_of({"spec.routes.0.keywords": [None]}) == ["spec.routes[0].keywords[0]"]


def test_python_names_are_unknown_in_a_file() -> None:
    """Only the config's own names are read."""
    (problem,) = problems_of({"spec.sessions": {"ttl_hours": 3}})
    assert (problem.path, problem.allowed) == ("spec.sessions.ttl_hours", "did you mean `ttlHours`?")


UNKNOWN = [
    ("spec.sesions", "did you mean `sessions`?"),
    ("spec.Sessions", "did you mean `sessions`?"),
    ("spec.dlq.retries", "did you mean `maxRetries`?"),
    ("spec.router.rateLimit.perMinute", "did you mean `messagesPerMinute`?"),
    ("spec.router.ttlHours", "did you mean `spec.sessions.ttlHours`?"),
    ("spec.dlq.inRequest", "did you mean `spec.routes[].retry.inRequest`?"),
    ("spec.home.zzz", "must be one of `keywords`, `text`, `button`, `route`"),
    ("spec.whatsapp.appSecret", "a secret never stands in the config: name it in `appSecretRef: {name, key}`"),
    ("spec.whatsapp.verifyToken", "a secret never stands in the config: name it in `verifyTokenRef: {name, key}`"),
    ("spec.whatsapp.accesstoken", "a secret never stands in the config: name it in `accessTokenRef: {name, key}`"),
    ("spec.database.url", "a secret never stands in the config: name it in `urlSecretRef: {name, key}`"),
    ("spec.routes.0.secret", "a secret never stands in the config: name it in `secretRef: {name, key}`"),
    ("specs", "did you mean `spec`?"),
]


@pytest.mark.parametrize(("path", "remedy"), UNKNOWN)
def test_unknown_fields(path: str, remedy: str) -> None:
    """An unknown field names the nearest one, here or elsewhere; a secret in the config, the way to give it."""
    (problem,) = problems_of({path: "hunter2"})
    assert problem.path == path.replace(".0.", "[0].")
    assert (problem.found, problem.allowed) == ("an unknown field", remedy)


def test_unknown_fields_can_be_tolerated() -> None:
    """In a cluster an older image warns of what it does not know; everything else holds as ever."""
    document = changed(
        {"spec.future": 1, "spec.routes.0.future": 2, "spec.router.autoscaling": {"maxReplicas": 1, "new": 2}}
    )
    checked = check(document, tolerate_unknown=True)
    assert [finding.loc for finding in checked.unknown] == [
        ("spec", "router", "autoscaling", "new"),
        ("spec", "routes", 0, "future"),
        ("spec", "future"),
    ]
    assert [finding.loc for finding in checked.findings] == [("spec", "router", "autoscaling", "maxReplicas")]
    assert check(changed({"spec.future": 1}), tolerate_unknown=True).findings == ()


def test_a_list_that_is_too_long_is_still_read() -> None:
    """Too many routes are one problem, and mistakes in the first of them are told too, with their own places."""
    routes = [{"name": f"r{number}", "url": "http://r/"} for number in range(18)]
    routes[3]["concurrency"] = "many"
    routes[5]["name"] = "r4"
    problems = problems_of({"spec.routes": routes, "spec.fallback": "r17"})
    assert [problem.path for problem in problems] == [
        "spec.routes",
        "spec.routes[3].concurrency",
        "spec.routes[5].name",
    ]
    assert problems[0].found == "a list of 18"


def test_a_reference_to_a_route_that_could_not_be_read_is_no_problem_of_its_own() -> None:
    """One mistake, one line."""
    assert paths_of({"spec.routes.0.name": "No", "spec.fallback": "rides"}) == ["spec.routes[0].name"]
    assert paths_of({"spec.routes.0.url": 3}) == ["spec.routes[0].url"]
    assert paths_of({"spec.whatsapp.accessTokenRef": 3}) == ["spec.whatsapp.accessTokenRef"]
    assert paths_of({"spec.routes": 3, "spec.fallback": "rides"}) == ["spec.routes"]


def test_mappings_that_are_passed_through() -> None:
    """What Kubernetes checks may say anything, but not be of any size; keys and values have their places."""
    assert problems_of({"spec.router.affinity": {"podAffinity": {"x": [{"y": None}]}}}) == []
    assert paths_of({"spec.router.affinity": {"x": "y" * 20_000}}) == ["spec.router.affinity"]
    assert paths_of({"spec.router.tolerations": [{"key": "y" * 20_000}]}) == ["spec.router.tolerations"]
    assert paths_of({"spec.router.tolerations": ["x"]}) == ["spec.router.tolerations[0]"]
    (problem,) = problems_of({"spec.router.podAnnotations": {"example.com/" + "k" * 400: "x"}})
    assert problem.path.startswith('spec.router.podAnnotations["example.com/kkk')
    assert problem.allowed.startswith("must be a mapping: at most 32 entries; keys 1 to 317 characters")
    many = {f"k{number}": "x" for number in range(33)}
    (problem,) = problems_of({"spec.router.podAnnotations": many})
    assert (problem.path, problem.found) == ("spec.router.podAnnotations", "a mapping of 33")


def test_sets_hold_each_value_once() -> None:
    """Lists that are sets refuse a repeat."""
    assert paths_of({"spec.routes.0.retry": {"never": [400, 400]}}) == ["spec.routes[0].retry.never"]
    assert paths_of({"spec.image": {"pullSecrets": ["a", "a"]}}) == ["spec.image.pullSecrets"]


def test_what_is_passed_through_is_spoken_of_as_a_whole() -> None:
    """Inside what Kubernetes checks, a place has no rule of its own."""
    assert value_at(("spec", "router", "affinity", "x", "y", 0)).kind == "anything"


def test_duplicate_keys_come_with_the_rest() -> None:
    """A key given twice is told with everything else."""
    text = text_of(changed({"spec.sessions": {"ttlHours": 0}})) + "status: {}\nstatus: {}\n"
    assert [problem.path for problem in problems_of_text(text)] == ["spec.sessions.ttlHours", "status"]


def test_problem_in_words() -> None:
    """A problem is one line."""
    assert str(Problem("a.b", "1", "must be 2")) == "a.b: found 1; must be 2"
    assert str(Problem("a.b", "1", "must be 2", "f.yaml:3")) == "f.yaml:3: a.b: found 1; must be 2"
    assert "\n" not in str(problems_of({"spec.fallback": "two\nlines"})[0])


SECRET = "hunter2-EAAG"
places = st.sampled_from(
    [
        "spec.whatsapp.appSecretRef",
        "spec.whatsapp.appSecretRef.name",
        "spec.whatsapp.appSecretRef.key",
        "spec.whatsapp.verifyTokenRef.key",
        "spec.whatsapp.appSecret",
        "spec.whatsapp.token",
        "spec.whatsapp",
        "spec.database.urlSecretRef",
        "spec.database.url",
        "spec.database",
        "spec.routes.0.secretRef",
        "spec.routes.0.secretRef.use",
        "spec.routes.0.secret",
        "spec.image.pullSecrets",
    ]
)
values = st.sampled_from([f" {SECRET} ", [f" {SECRET}"], {SECRET: f" {SECRET}"}, f"postgresql://u:{SECRET}@db/x"])


@given(places, values)
def test_secrets_in_the_config_are_refused_and_not_shown(place: str, value: object) -> None:
    """Wherever somebody puts a secret that belongs elsewhere, the answer never repeats its value."""
    around = place.rpartition(".")[0]
    base: dict[str, Any] = {around: {}} if around.endswith(("database", "image", "routes.0.secretRef")) else {}
    problems = problems_of({**base, place: value})
    assert problems
    for problem in problems:
        assert SECRET not in problem.found
        assert SECRET not in problem.allowed


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://user:hunter2@host/path", '"ftp://…@host/path" (28 characters)'),
        ("ftp://host/path?token=hunter2", '"ftp://host/path?…" (29 characters)'),
        ("ftp://host/#hunter2", '"ftp://host/#…"'),
        ("ftp:/\\user:hunter2@host", '"ftp:/\\\\…@host" (23 characters)'),
    ],
)
def test_urls_are_shown_without_credentials(url: str, shown: str) -> None:
    """A URL's user, password, query and fragment are not shown."""
    (problem,) = problems_of({"spec.routes.0.url": url})
    assert problem.found == shown


def _places(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        inner = [place for key, each in pairs for place in _places(each, f"{path}.{key}" if path else str(key))]
        return inner + [path] * bool(path)
    return [path]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(_places(VALID)), anything | st.just(REMOVED), max_size=3))
def test_any_change_is_accepted_or_refused_in_its_own_words(changes: dict[str, Any]) -> None:
    """Whatever stands in the places of a valid config, it is read or every problem names a place of the document."""
    document: dict[str, Any] = dict(VALID)
    for path in sorted(changes, key=lambda path: (path.count("."), path), reverse=True):
        document = changed({path: changes[path]}, document)
    checked = check(json.loads(json.dumps(document)))
    if checked.findings:
        for finding in checked.findings:
            assert finding.found
            assert finding.allowed
    else:
        assert checked.view is not None
