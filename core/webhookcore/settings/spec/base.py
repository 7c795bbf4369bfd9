"""What every section of the spec is made of: the model's rules and the bounded types that several sections share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:  # nothing that a starting router needs, and slow to import
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

T = TypeVar("T")


class Section(BaseModel):
    """A mapping of the config. Code uses snake_case names, the config camelCase ones.

    A field without a value (`tag:` and nothing behind it) is as if it were not there, as in Kubernetes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        known = {info.alias for info in cls.model_fields.values()}
        return {name: value for name, value in data.items() if value is not None or name not in known}


@dataclass(frozen=True, slots=True)
class Shape:
    """Says in words what a pattern or validator demands, for errors and documentation."""

    words: str


@dataclass(frozen=True, slots=True)
class ListType:
    """How a list merges in Kubernetes: a set holds each value once, a map each `name` once."""

    kind: Literal["set", "map"]

    def __get_pydantic_json_schema__(
        self, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        schema = handler(core_schema)
        schema["x-kubernetes-list-type"] = self.kind
        if self.kind == "map":
            schema["x-kubernetes-list-map-keys"] = ["name"]
        return schema


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuses a set that holds a value twice."""
    if len(set(values)) < len(values):
        raise ValueError("each once")
    return values


SUBDOMAIN_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_WORDS: Final = "lower-case letters, digits and inner hyphens"

Flag = StrictBool
Integer = StrictInt

Label = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), Shape(LABEL_WORDS)
]
LabelOrEmpty = Annotated[
    str, Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"), Shape(f"{LABEL_WORDS}, or empty")
]
Subdomain = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=SUBDOMAIN_PATTERN),
    Shape("lower-case letters, digits, inner hyphens and dots"),
]
Url = Annotated[
    str, Field(min_length=8, max_length=2048, pattern=r"^https?://[^\s/?#]\S*$"), Shape("an http or https URL")
]
Word = Annotated[str, Field(min_length=1, max_length=32, pattern=r"\S"), Shape("not blank")]
Words = Annotated[tuple[Word, ...], Field(max_length=32), ListType("set")]


class SecretRef(Section):
    """Names a Secret and one of its keys. A secret itself never stands in the config."""

    name: Subdomain = Field(description="The Secret's name; outside a cluster a folder of the secrets directory.")
    key: Annotated[
        str,
        Field(min_length=1, max_length=253, pattern=r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"),
        Shape("letters, digits, hyphens, underscores and dots"),
    ] = Field(description="The key in the Secret; outside a cluster a file in that folder.")
