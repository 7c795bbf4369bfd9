"""What the API server refuses beyond types is what core's rules refuse, as far as it can say it."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from tests.cluster.crd_bounds import LARGEST, SMALLEST
from tests.cluster.crd_cases import CASES, Case
from tests.unit.operator.crd.words import places, schema_of_the_file

from webhookcore.settings.check import check
from webhookcore.settings.rules import RULES, Rule, claims, home, router, routes, schedules, urls
from webhookcore_operator.crd.definition import definition, place, schema
from webhookcore_operator.crd.rules import VALIDATIONS
from webhookcore_operator.crd.validation import Validation

SAID_BY_THE_SERVER: Final[Mapping[Rule, str]] = {
    home.way_to_send: "whole",
    urls.urls: "but for what needs a URL's parser: metadata addresses, ports, and the router's host",
    router.path: "whole",
    router.autoscaling: "whole",
    routes.names: "whole: that each is unique is the list's own rule",
    routes.one_target: "whole",
    routes.media: "whole",
    routes.references: "whole",
    home.rows: "whole",
    claims.words: "letter for letter: CEL folds no case and normalises nothing",
    claims.state_prefixes: "letter for letter",
    schedules.schedules: "that there are five fields: CEL has no calendar and no time zones",
}
"""How much of each of core's rules the server says. Core refuses the rest, which becomes a condition."""


def test_every_rule_of_cores_is_accounted_for() -> None:
    """A new rule of core's fails this test until somebody has said how much of it the server refuses."""
    assert tuple(SAID_BY_THE_SERVER) == RULES
    assert {rule.core for rule in VALIDATIONS if rule.core} == set(RULES)


def test_rules_of_the_cluster_alone() -> None:
    """Few rules are no rule of core's: the name, which is a type there, and the database's Secret."""
    assert [rule.message for rule in VALIDATIONS if rule.core is None] == [
        "must be a lower-case letter, then lower-case letters, digits and inner hyphens, 1 to 40 characters",
        "must name the Secret with the database's URL: urlSecretRef: {name, key}",
    ]


@pytest.mark.parametrize("rule", VALIDATIONS, ids=lambda rule: f"{'.'.join(rule.at)}{rule.field}: {rule.message[:40]}")
def test_each_rule_says_what_to_do(rule: Validation) -> None:
    """Each rule is about a field that there is, and says what must be so."""
    assert place(schema(), [*rule.at, *rule.field.split(".")[1:]])
    assert rule.message.startswith(("must ", "no ", "neither ", "at most ", "only "))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_core_judges_as_the_table_says(case: Case) -> None:
    """Core accepts what the table says that it accepts, and refuses the rest. The server's verdict is the cluster's."""
    assert bool(check(case.resource).findings) == case.by_core
    assert bool(case.says) == case.by_server


def test_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("resource", [LARGEST, SMALLEST], ids=["largest", "smallest"])
def test_core_accepts_the_bounds(resource: dict[str, Any]) -> None:
    """What is at every bound is good for core too."""
    assert check(resource).findings == ()


MOST: Final = ("maximum", "maxLength", "maxItems", "maxProperties")
LEAST: Final = ("minimum", "minLength", "minItems")
UNREACHED: Final = {
    ".spec.dlq.timeZone maxLength",  # no time zone has a name that long
    ".spec.cleanup.timeZone maxLength",
    ".spec.dlq.timeZone minLength",
    ".spec.cleanup.timeZone minLength",
    ".spec.router.resources maxProperties",  # Kubernetes has not that many fields; their size is at its bound
    ".spec.router.affinity maxProperties",
}


def test_the_bounds_are_reached() -> None:
    """The largest and the smallest resource touch every bound of the spec, but for those that nothing can reach."""
    reached = set()
    declared = set()
    for path, each in places(schema_of_the_file()["properties"]["spec"], ".spec"):
        for keyword, resource in (*[(most, LARGEST) for most in MOST], *[(least, SMALLEST) for least in LEAST]):
            if keyword in each:
                declared.add(f"{path} {keyword}")
                values = _values(resource, path.strip(".").replace("[]", ".[]").split("."))
                if any((value if isinstance(value, int) else len(value)) == each[keyword] for value in values):
                    reached.add(f"{path} {keyword}")
    assert declared - reached == UNREACHED


def _values(value: Any, path: list[str]) -> list[Any]:
    """All that stands at a path; `[]` is each item."""
    if not path:
        return [value]
    first, *rest = path
    if first == "[]":
        items = value.values() if isinstance(value, dict) else value
        return [found for item in items for found in _values(item, rest)]
    return _values(value[first], rest) if first in value else []


def test_the_definition_is_kubernetes() -> None:
    """Names, subresources and columns are what people and programs type and read."""
    spec = definition()["spec"]
    (version,) = spec["versions"]
    assert definition()["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
    assert spec["names"]["shortNames"] == ["wcc"]
    assert [column["name"] for column in version["additionalPrinterColumns"] if "priority" not in column] == [
        "Ready",
        "Desired",
        "ReadyReplicas",
        "Migrated",
        "DLQ-Last-Success",
        "Age",
    ]
    scale = version["subresources"]["scale"]
    for field in scale.values():
        assert place(schema(), field.split(".")[1:])["type"] in ("integer", "string")
