"""Every field is bounded and described, and the configuration page says what the types say."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.settings.configs import problems_of_text

from webhookcore.settings import WebhookCoreSpec, describe_fields
from webhookcore.settings.environment import DEFAULT_ROUTER_INTERNAL_URL, OVERRIDES
from webhookcore.settings.fields import values
from webhookcore.settings.reference import renewed
from webhookcore.settings.spec.base import Section

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/configuration.md"
# Kubernetes checks what is inside; the whole is bounded in bytes.
PASSED_THROUGH = {"resources", "tolerations", "affinity", "topologySpreadConstraints"}


def _schemas(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every value of the schema by a readable path."""
    if reference := schema.get("$ref"):
        schema = definitions[reference.rpartition("/")[2]] | schema
    for option in schema.get("anyOf", ()):
        yield from _schemas(name, option, definitions)
    yield name, schema
    for each, inner in schema.get("properties", {}).items():
        if each not in PASSED_THROUGH:
            yield from _schemas(f"{name}.{each}", inner, definitions)
    for each in ("items", "additionalProperties"):
        if isinstance(schema.get(each), dict):
            yield from _schemas(f"{name}[]", schema[each], definitions)


BOUNDS = {"string": {"maxLength"}, "array": {"maxItems"}, "integer": {"minimum", "maximum"}}


def test_every_value_is_bounded() -> None:
    """Every string, list and number of the generated schema has its bounds; every free mapping a number of entries."""
    schema = WebhookCoreSpec.model_json_schema()
    found = list(_schemas("spec", schema, schema["$defs"]))
    assert len(found) > 100
    for name, each in found:
        if "enum" not in each:
            assert BOUNDS.get(each.get("type", ""), set()) <= each.keys(), name
        if each.get("type") == "object" and "properties" not in each:
            assert "maxProperties" in each, name


def test_lists_say_how_they_merge() -> None:
    """Lists in which nothing stands twice are sets in the schema, the routes a map by name."""
    schema = WebhookCoreSpec.model_json_schema()
    assert schema["properties"]["routes"]["x-kubernetes-list-type"] == "map"
    assert schema["properties"]["routes"]["x-kubernetes-list-map-keys"] == ["name"]
    route = schema["$defs"]["Route"]["properties"]
    assert {route[name]["x-kubernetes-list-type"] for name in ("keywords", "statePrefixes", "accepts")} == {"set"}


def test_every_field_is_described() -> None:
    """No field is without a sentence; what has a pattern says it in words."""
    for field in describe_fields():
        assert field.description.endswith("."), field.path
        assert field.type, field.path
    for place, value in values().items():
        if value.section is not None:
            assert issubclass(value.section, Section), place


def test_paths_are_unique() -> None:
    paths = [field.path for field in describe_fields()]
    assert len(paths) == len(set(paths))


def test_the_page_says_what_the_types_say() -> None:
    """The page's tables are made from the types; `python -m webhookcore.settings.reference FILE` renews them."""
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page
    for field in describe_fields():
        assert page.count(f"| `{field.path}` | {field.type} | ") == 1, field.path


def test_the_page_can_be_renewed(tmp_path: Path) -> None:
    """The command mends a page in place."""
    page = PAGE.read_text(encoding="utf-8")
    file = tmp_path / "page.md"
    file.write_text(page.replace("| `64` |", "| `65` |"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "webhookcore.settings.reference", str(file)], check=True)
    assert file.read_text(encoding="utf-8") == page


def test_a_changed_default_or_bound_is_noticed() -> None:
    """The comparison has teeth: a page with another default, bound or field is not the types'."""
    page = PAGE.read_text(encoding="utf-8")
    changes = (("| `64` |", "| `65` |"), ("| 2 to 128 |", "| 1 to 128 |"), ("`spec.dlq.suspend`", "`spec.dlq.x`"))
    for old, new in changes:
        assert old in page
        other = page.replace(old, new)
        assert renewed(other) != other


def _rows(heading: str) -> dict[str, list[str]]:
    """The rows of a section's table by their first code word."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return {cells[0].strip("`"): cells[1:] for cells in rows[2:]}


@pytest.mark.parametrize("variable", OVERRIDES)
def test_overrides_are_documented_as_their_fields(variable: str) -> None:
    """A variable's default, bounds and meaning are those of the field that it overrides."""
    field, default, bounds, meaning = _rows("Environment")[variable]
    documented = {doc.path: doc for doc in describe_fields()}[field.strip("`")]
    assert (default, bounds, meaning) == (f"`{documented.default}`", documented.bounds, documented.description)
    python_path = ".".join(OVERRIDES[variable])
    assert re.sub("_([a-z])", lambda match: match[1].upper(), f"spec.{python_path}") == documented.path


def test_every_variable_is_documented() -> None:
    """The page names every variable that the settings read, and the secrets' variables."""
    environment, secrets = _rows("Environment"), _rows("Secrets")
    others = {"WEBHOOKCORE_CONFIG", "WEBHOOKCORE_SECRETS_DIR", "DATABASE_URL", "WEBHOOKCORE_ROUTER_INTERNAL_URL"}
    assert set(environment) == {*OVERRIDES, *others}
    assert environment["WEBHOOKCORE_ROUTER_INTERNAL_URL"][1] == f"`{DEFAULT_ROUTER_INTERNAL_URL}`"
    assert {cells[0].strip("`") for cells in secrets.values()} == {
        "WA_APP_SECRET",
        "WA_APP_SECRET_PREVIOUS",
        "WA_VERIFY_TOKEN",
        "WA_ACCESS_TOKEN",
        "WEBHOOKCORE_INTERNAL_SECRET",
        "WEBHOOKCORE_SECRET_<NAME>_<KEY>",
        "DATABASE_URL",
    }


def test_the_pages_smallest_config_is_valid() -> None:
    """What the page shows can be used."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert problems_of_text(example) == []
