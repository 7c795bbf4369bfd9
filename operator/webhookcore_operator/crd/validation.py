"""A rule of the API server's in the Common Expression Language (CEL), and how CEL writes texts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Path = tuple[str, ...]


class Reason(StrEnum):
    """What kind of error a client is told. (The server's fourth, of duplicates, would leave the message out.)"""

    INVALID = "FieldValueInvalid"
    REQUIRED = "FieldValueRequired"
    FORBIDDEN = "FieldValueForbidden"
    """The value itself is not shown."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A rule of the API server's."""

    at: Path
    """What `self` is. The empty path is the whole resource."""
    rule: str
    message: str
    """What must be so, as a clause that follows the field's path and value."""
    core: Callable[..., Any] | None
    """Core's rule that refuses the same, and more; None for a rule of the cluster alone."""
    expression: str = ""
    """The message with what was found. (`format` is the one way to write lists into a text whose cost is bounded.)"""
    field: str = ""
    """The field that the error names, below `at`."""
    reason: Reason = Reason.INVALID

    def as_schema(self) -> dict[str, str]:
        """An item of x-kubernetes-validations."""
        written = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.expression,
            "fieldPath": self.field,
            "reason": "" if self.reason is Reason.INVALID else self.reason.value,
        }
        return {name: value for name, value in written.items() if value}


def list_of(texts: Iterable[str]) -> str:
    """A list of texts in CEL."""
    return f"[{', '.join(map(quoted, texts))}]"


def quoted(text: str) -> str:
    """A text in CEL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
