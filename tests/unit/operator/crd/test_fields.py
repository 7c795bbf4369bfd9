"""The CustomResourceDefinition says of every field what core says, and speaks of no other field."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from tests.unit.operator.crd.words import PATTERNS, UNWRITTEN, fields, places, schema_of_the_file

from webhookcore.settings import FieldDoc, describe_fields

CORES_OWN: Final = ("metadata", "metadata.name", "apiVersion", "kind", "status")
"""Around the spec; how the server looks at the name is a rule's."""


def _by_core() -> list[FieldDoc]:
    return [
        replace(
            doc,
            bounds=UNWRITTEN.sub("", f"{doc.bounds}, ").removesuffix(", "),
            description=" ".join((doc.description, *_explained(doc))),
        )
        for doc in describe_fields()
        if doc.path not in CORES_OWN
    ]


def _explained(doc: FieldDoc) -> Iterator[str]:
    """What `kubectl explain` shows of a field only if its description says it."""
    if doc.bounds and "`" not in doc.bounds.partition("; ")[0]:
        yield f"Allowed: {doc.bounds}."
    if doc.default not in ("required", "none", "{}", "[]", '""'):
        yield f"Default: {doc.default}."


def test_every_field_is_cores() -> None:
    """Path, type, default, bounds and description of every field are core's, in core's order, and none is missing."""
    spec = schema_of_the_file()["properties"]["spec"]
    assert list(fields(spec, "spec")) == _by_core()


def test_every_pattern_is_used() -> None:
    """The test's own table of patterns is no longer than it has to be."""
    assert {
        each["pattern"] for _, each in places(schema_of_the_file()["properties"]["spec"], "spec") if "pattern" in each
    } == {*PATTERNS}


CHANGES: Final = [
    ("minimum", 3),
    ("maximum", 129),
    ("default", 9),
    ("description", "Something else."),
    ("type", "string"),
]


@pytest.mark.parametrize(("keyword", "value"), CHANGES)
def test_a_difference_is_noticed(keyword: str, value: object) -> None:
    """The comparison has teeth."""
    spec = schema_of_the_file()["properties"]["spec"]
    spec["properties"]["database"]["properties"]["poolSize"][keyword] = value
    assert list(fields(spec, "spec")) != _by_core()


def test_a_field_too_many_or_too_few_is_noticed() -> None:
    """A field that only one of the two has is found."""
    spec = schema_of_the_file()["properties"]["spec"]
    spec["properties"]["sessions"]["properties"]["x"] = {"description": "X.", "type": "boolean", "default": False}
    assert list(fields(spec, "spec")) != _by_core()
    del spec["properties"]["sessions"]["properties"]["x"], spec["properties"]["suspend"]
    assert list(fields(spec, "spec")) != _by_core()


BOUNDS: Final = {"string": {"maxLength"}, "array": {"maxItems", "x-kubernetes-list-type"}, "integer": {"minimum"}}
NO_TIMES: Final = {"format", "enum"}


def test_everything_is_bounded_and_described() -> None:
    """Every text, list and number has bounds, every list says how it merges, every field is described: status too."""
    schema = schema_of_the_file()
    for part in ("spec", "status"):
        for path, each in places(schema["properties"][part], part):
            assert each["type"], path
            if not NO_TIMES & each.keys():
                assert BOUNDS.get(each["type"], set()) <= each.keys(), path
            if not path.endswith("[]"):
                assert each["description"].endswith("."), path


def test_nothing_is_nullable_or_unknown() -> None:
    """The server takes a field without a value out, and what it does not know, except in what is passed through."""
    passed_through = []
    for path, each in places(schema_of_the_file(), ""):
        assert not {"nullable", "anyOf", "$ref", "title"} & each.keys(), path
        if each.get("x-kubernetes-preserve-unknown-fields"):
            passed_through.append(path)
    assert passed_through == [
        ".spec.router.resources",
        ".spec.router.tolerations[]",
        ".spec.router.affinity",
        ".spec.router.topologySpreadConstraints[]",
    ]
