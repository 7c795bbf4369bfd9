"""Turns pydantic's JSON schema into the kind that Kubernetes takes: structural, with no references, nulls or titles.

A keyword that is not known here is an error: nothing that the types say gets lost silently.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

DEFINITIONS: Final = "$defs"
LIST_TYPE: Final = "x-kubernetes-list-type"
VALIDATIONS: Final = "x-kubernetes-validations"
KEPT: Final = (
    "description",
    "type",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-list-map-keys",
    LIST_TYPE,
)
"""What means the same in both, in the order in which it is written."""
TURNED: Final = ("additionalProperties", "items", "properties", "propertyNames")
DROPPED: Final = ("title", DEFINITIONS)


def structural(schema: Mapping[str, Any]) -> Schema:
    """The structural schema of a model's whole JSON schema."""
    return _turned(schema, schema.get(DEFINITIONS, {}))


def _turned(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    flat = _flat(schema, definitions)
    if unknown := flat.keys() - {*KEPT, *TURNED, *DROPPED}:
        raise ValueError(f"the schema says {', '.join(sorted(unknown))}, which nobody turns into Kubernetes' words")
    turned: Schema = {name: flat[name] for name in KEPT if name in flat}
    kind = turned.get("type")
    if kind == "object" and "default" in turned and "properties" in flat:
        # The server fills in the fields of what is there: so they keep their defaults beside those that are set.
        turned["default"] = {}
    if kind == "array":
        turned["items"] = _turned(flat["items"], definitions)
        turned["items"].pop("description", None)  # `kubectl explain` would show it beside the list's own
        _merging(turned)
    if "properties" in flat:
        turned["properties"] = {name: _turned(each, definitions) for name, each in flat["properties"].items()}
    elif kind == "object":
        turned |= _free_mapping(flat, definitions)
    return turned


def _flat(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """The schema itself where it is a reference, or a choice between something and null.

    Kubernetes takes a field without a value out before it looks at it, as core does: null is no value of any field.
    """
    flat = dict(schema)
    if reference := flat.pop("$ref", None):
        return _flat(definitions[reference.rpartition("/")[2]], definitions) | flat
    if options := flat.pop("anyOf", None):
        (something,) = (option for option in options if option != {"type": "null"})
        flat = _flat(something, definitions) | flat
    if "default" in flat and flat["default"] is None:
        del flat["default"]
    return flat


def _merging(turned: Schema) -> None:
    """How a list merges when it is applied by several, or again.

    A set with a default that is not empty would never lose it: what the server filled in belongs to nobody, and a
    server-side apply of other items would add them to it. Such a list is replaced as a whole, and a rule takes care
    that nothing stands in it twice.
    """
    kind = turned.pop(LIST_TYPE, "atomic")
    if kind == "set" and turned.get("default"):
        kind = "atomic"
        turned[VALIDATIONS] = [
            {
                "rule": "self.all(item, self.exists_one(other, other == item))",
                "message": "must hold each item once",
            }
        ]
    turned[LIST_TYPE] = kind


def _free_mapping(flat: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A mapping whose keys are the user's: its values have a type, or are passed through to Kubernetes as they are."""
    values = flat["additionalProperties"]
    if values is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    turned: Schema = {"additionalProperties": _turned(values, definitions)}
    if keys := flat.get("propertyNames"):
        shortest, longest = keys["minLength"], keys["maxLength"]
        turned[VALIDATIONS] = [
            {
                "rule": f"self.all(key, key.size() >= {shortest} && key.size() <= {longest})",
                "message": f"a key must have {shortest} to {longest} characters",
            }
        ]
    return turned
