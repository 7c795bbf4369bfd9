"""Types of what is passed through to Kubernetes, which checks it: it may say anything, but not be of any size."""

import json
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field

from webhookcore.settings.spec.base import Shape

MAX_KIB: Final = 16

T = TypeVar("T", dict[str, Any], tuple[dict[str, Any], ...])


def small_enough(value: T) -> T:
    """Refuses what takes more than 16 KiB as JSON."""
    if len(json.dumps(value)) > MAX_KIB * 1024:
        raise ValueError(f"at most {MAX_KIB} KiB as JSON")
    return value


SIZE: Final = Shape(f"at most {MAX_KIB} KiB as JSON")
QualifiedName = Annotated[str, Field(min_length=1, max_length=317)]

AnyMapping = Annotated[dict[str, Any], Field(max_length=32), AfterValidator(small_enough), SIZE]
AnyList = Annotated[tuple[dict[str, Any], ...], Field(max_length=32), AfterValidator(small_enough), SIZE]
NodeSelector = Annotated[dict[QualifiedName, Annotated[str, Field(max_length=63)]], Field(max_length=32)]
Annotations = Annotated[dict[QualifiedName, Annotated[str, Field(max_length=4096)]], Field(max_length=32)]
