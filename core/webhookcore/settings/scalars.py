"""What a YAML scalar means: text, a number, true or false, or nothing; the same as in `kubectl apply`."""

import math
from typing import Any, Final

from yaml.constructor import SafeConstructor
from yaml.events import ScalarEvent
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

TAG: Final = "tag:yaml.org,2002:"
TEXT: Final = f"{TAG}str"
# What YAML 1.1 would read as a date, a merge or a default is text in Kubernetes' reading.
IMPLICIT: Final = {f"{TAG}{name}" for name in ("null", "bool", "int", "float")}


class Scalars:
    """Reads scalars by YAML 1.1, as Kubernetes does."""

    def __init__(self) -> None:
        self._resolver = Resolver()
        constructor = SafeConstructor()
        self._readers: Final = {
            TEXT: lambda node: node.value,
            f"{TAG}null": constructor.construct_yaml_null,
            f"{TAG}bool": constructor.construct_yaml_bool,
            f"{TAG}int": constructor.construct_yaml_int,
            f"{TAG}float": constructor.construct_yaml_float,
        }

    def is_text(self, event: ScalarEvent) -> bool:
        """Whether the scalar is text."""
        return self._tag(event) == TEXT

    def read(self, event: ScalarEvent) -> Any:
        """The value. Raises ValueError for what no JSON could say."""
        tag = self._tag(event)
        if tag not in self._readers:
            raise ValueError(f"the tag {tag}")
        try:
            value = self._readers[tag](ScalarNode(tag, event.value))
        except (ValueError, LookupError) as error:
            raise ValueError(f"no {tag.removeprefix(TAG)}") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number without end")
        return value

    def _tag(self, event: ScalarEvent) -> str:
        if event.tag is not None:
            return TEXT if event.tag == "!" else str(event.tag)
        tag: str = self._resolver.resolve(ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call] # PyYAML's
        # 1:30 is 90 in YAML 1.1 alone.
        return tag if tag in IMPLICIT and ":" not in event.value else TEXT
