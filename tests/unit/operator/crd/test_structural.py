"""A pydantic schema becomes a structural one, and what cannot be turned is an error."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, Field
from tests.unit.operator.crd.words import FILE

from webhookcore.settings.spec.base import ListType
from webhookcore_operator.crd import definition, text
from webhookcore_operator.crd.structural import structural


def test_the_file_is_what_is_made() -> None:
    """crds/webhookcoreconfigs.yaml is current; `make crd` renews it."""
    assert FILE.read_text(encoding="utf-8") == text()


def test_the_text_says_everything() -> None:
    """The text reads as the definition, and uses no anchors."""
    assert yaml.safe_load(text()) == definition()
    assert "&id" not in text()


def test_the_command_writes_it(tmp_path: Path) -> None:
    """The command writes to the file that is named."""
    file = tmp_path / "crd.yaml"
    subprocess.run([sys.executable, "-m", "webhookcore_operator.crd", str(file)], check=True)
    assert file.read_text(encoding="utf-8") == text()


class Part(BaseModel):
    """A part."""

    size: int = Field(default=3, ge=1, le=9)


class Whole(BaseModel):
    """A whole."""

    part: Part = Part()
    maybe: Part | None = Field(default=None, description="Another one.")
    must: Part
    order: Annotated[tuple[int, ...], Field(max_length=3)] = ()
    free: Annotated[tuple[int, ...], Field(max_length=3), ListType("set")] = ()
    given: Annotated[tuple[int, ...], Field(max_length=3), ListType("set")] = (1,)
    anything: dict[str, Any] = {}


def _property(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = structural(Whole.model_json_schema())["properties"][name]
    return schema


def test_references_and_nulls() -> None:
    """A section stands where it was referred to, keeps its fields' defaults, and may be absent but never null."""
    fields = {"size": {"type": "integer", "default": 3, "minimum": 1, "maximum": 9}}
    part = {"description": "A part.", "type": "object", "properties": fields}
    assert _property("part") == {**part, "default": {}}
    assert _property("must") == part
    assert _property("maybe") == {**part, "description": "Another one."}
    assert structural(Whole.model_json_schema())["required"] == ["must"]


def test_lists() -> None:
    """A list is replaced as a whole unless it says otherwise; a set with a default too, which else would never go."""
    assert _property("order")["x-kubernetes-list-type"] == "atomic"
    assert _property("free")["x-kubernetes-list-type"] == "set"
    assert _property("given")["x-kubernetes-list-type"] == "atomic"
    (rule,) = _property("given")["x-kubernetes-validations"]
    assert rule["message"] == "must hold each item once"


def test_what_is_passed_through() -> None:
    """A mapping of anything keeps what the server does not know."""
    assert _property("anything") == {"type": "object", "default": {}, "x-kubernetes-preserve-unknown-fields": True}


class Odd(BaseModel):
    """Something that nobody has turned yet."""

    half: float = Field(multiple_of=0.5)


def test_what_nobody_turns_is_an_error() -> None:
    """A keyword is never lost silently."""
    with pytest.raises(ValueError, match="multipleOf"):
        structural(Odd.model_json_schema())
