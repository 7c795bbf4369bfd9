"""What every section of the spec is made of: the model's rules and the bounded types that several sections share."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from webhookcore.settings.spec.passthrough import small_enough


class Section(BaseModel):
    """A mapping of the config. Code uses snake_case names, the config camelCase ones and no other."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=False,
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """Says in words what a pattern means, for errors and documentation."""

    words: str


LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
SUBDOMAIN_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

Flag = StrictBool
Integer = StrictInt

Label = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=LABEL_PATTERN),
    Shape("a DNS label: lower-case letters, digits and hyphens"),
]
Subdomain = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=SUBDOMAIN_PATTERN),
    Shape("a Kubernetes name: lower-case letters, digits, hyphens and dots"),
]
RouteOrNone = Annotated[
    str,
    Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$"),
    Shape("the name of a route, or empty"),
]
Url = Annotated[
    str,
    Field(min_length=1, max_length=2048, pattern=r"^https?://[^\s/?#][^\s]*$"),
    Shape("an http or https URL"),
]
Word = Annotated[str, Field(min_length=1, max_length=32)]
Mapping = Annotated[dict[str, Any], Field(max_length=64), AfterValidator(small_enough)]
"""Passed through to Kubernetes, which checks it."""


class SecretRef(Section):
    """Names a Secret and one of its keys. A secret itself never stands in the config."""

    name: Subdomain = Field(description="The Secret's name; a folder below the secrets directory outside a cluster.")
    key: Annotated[
        str,
        Field(min_length=1, max_length=253, pattern=r"^(\.?[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$"),
        Shape("letters, digits, hyphens, underscores and dots"),
    ] = Field(description="The key in the Secret; a file in that folder outside a cluster.")
