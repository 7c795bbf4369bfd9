"""Reads the CustomResourceDefinition in the words in which core describes its fields, ignorant of how it was made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from webhookcore.settings import FieldDoc

Schema = dict[str, Any]

FILE: Final = Path(__file__).parents[4] / "crds/webhookcoreconfigs.yaml"

LABEL: Final = "lower-case letters, digits and inner hyphens"
PATTERNS: Final = {
    r"\S": "not blank",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": LABEL,
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$": f"{LABEL}, or empty",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": (
        "lower-case letters, digits, inner hyphens and dots"
    ),
    r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$": "letters, digits, hyphens, underscores and dots",
    r"^([a-z0-9][-._a-z0-9]*(:[0-9]{1,5})?(/[a-z0-9][-._a-z0-9]*)*)?$": "registry and path without a tag, or empty",
    r"^([_a-zA-Z0-9][-._a-zA-Z0-9]*)?$": "a tag, or empty",
    r"^(/[_~a-zA-Z0-9-][._~a-zA-Z0-9-]*)+$": (
        "an absolute path of letters, digits and -._~, without a slash at its end"
    ),
    r"^/[^\s?#]*$": "an absolute path",
    r"^https?://[^\s/?#]\S*$": "an http or https URL",
}
"""What each pattern means."""

UNWRITTEN: Final = re.compile(
    r"(five cron fields, such as \*/5 \* \* \* \*|an IANA time zone, such as Europe/Paris|at most 16 KiB as JSON), "
)
"""What core demands and no keyword of a schema can say."""

KEYS: Final = re.compile(r"self\.all\(key, key\.size\(\) >= (\d+) && key\.size\(\) <= (\d+)\)")
ONCE: Final = "self.all(item, self.exists_one(other, other == item))"


def schema_of_the_file() -> Schema:
    """The schema that is handed out."""
    (version,) = yaml.safe_load(FILE.read_text(encoding="utf-8"))["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def places(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every schema in a schema; `[]` is any item."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from places(each, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from places(schema[name], f"{path}[]")


def fields(schema: Schema, path: str, *, required: bool = True) -> Iterator[FieldDoc]:
    """The field at `path` and all fields below it, as core lists them."""
    yield FieldDoc(path, _kind(schema), _default(schema, required), _bounds(schema), schema["description"])
    below, dot = (schema["items"], "[].") if schema["type"] == "array" else (schema, ".")
    for name, each in below.get("properties", {}).items():
        yield from fields(each, f"{path}{dot}{name}", required=name in below.get("required", ()))


def _kind(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}s"
    return "mapping" if schema["type"] == "object" else str(schema["type"])


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    return json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "none"


def _bounds(schema: Schema) -> str:
    if choices := schema.get("enum"):
        *others, last = [f"`{choice}`" for choice in choices]
        return f"{', '.join(others)} or {last}"
    bounds: list[str] = []
    if pattern := schema.get("pattern"):
        bounds.append(PATTERNS[pattern])
    if "minimum" in schema:
        bounds.append(f"{schema['minimum']} to {schema['maximum']}")
    for least, most, unit in (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minProperties", "maxProperties", "entries"),
    ):
        if most in schema:
            bounds.append(_size(schema.get(least), schema[most], unit))
    bounds += _merging(schema)
    further = _entries(schema) if schema["type"] == "object" else ""
    if schema["type"] == "array" and (item := _bounds(schema["items"])):
        further = f"each {item}"
    return "; ".join(filter(None, (", ".join(bounds), further)))


def _size(least: int | None, most: int, unit: str) -> str:
    return f"{least} to {most} {unit}" if least else f"at most {most} {unit}"


def _rules(schema: Schema) -> list[str]:
    return [each["rule"] for each in schema.get("x-kubernetes-validations", ())]


def _merging(schema: Schema) -> Iterator[str]:
    if schema.get("x-kubernetes-list-type") == "set" or ONCE in _rules(schema):
        yield "each once"
    if schema.get("x-kubernetes-list-map-keys") == ["name"]:
        yield "names unique"


def _entries(schema: Schema) -> str:
    if not (values := schema.get("additionalProperties")):
        return ""
    (keys,) = (match for rule in _rules(schema) if (match := KEYS.fullmatch(rule)))
    return f"keys {keys[1]} to {keys[2]} characters, values {_bounds(values)}"
