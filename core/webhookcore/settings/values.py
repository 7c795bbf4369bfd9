"""What a field may hold, in words: read from its type and bounds, never written twice."""

from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic.fields import FieldInfo

from webhookcore.settings.spec.base import ListType, Section, Shape


@dataclass(frozen=True, slots=True)
class Value:
    """What a field, or an item of a list, may hold."""

    kind: str
    bounds: str
    section: type[Section] | None = None
    item: "Value | None" = None
    """What each item of a list, or each value of a mapping, may hold."""

    @property
    def is_collection(self) -> bool:
        return self.section is not None or self.item is not None

    def must(self) -> str:
        """A clause for errors: what the value must be."""
        article = "an" if self.kind[0] in "aeiou" else "a"
        fields = self.section.model_fields.values() if self.section else ()
        required = [f"`{info.alias}`" for info in fields if info.is_required()]
        bounds = self.bounds or (f"with {', '.join(required)}" if required else "")
        return f"must be {article} {self.kind}" + (f": {bounds}" if bounds else "")


def value_of(info: FieldInfo) -> Value:
    """What a field may hold."""
    return _value(info.annotation, info.metadata)


def _value(annotation: Any, metadata: list[Any]) -> Value:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _value(inner, metadata + more)
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (each for each in get_args(annotation) if each is not NoneType)
        return _value(inner, metadata)
    bounds = _bounds(annotation, [each for one in metadata for each in _flat(one)])
    if get_origin(annotation) is tuple:
        item = _value(get_args(annotation)[0], [])
        return Value(f"list of {item.kind}s", "; each ".join(filter(None, (bounds, item.bounds))), item=item)
    if get_origin(annotation) is dict:
        key, item = (_value(each, []) for each in get_args(annotation))
        entries = ", ".join(f"{name} {each.bounds}" for name, each in (("keys", key), ("values", item)) if each.bounds)
        return Value("mapping", "; ".join(filter(None, (bounds, entries))), item=item)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Value("mapping", bounds, annotation)
    return Value(_scalar(annotation), bounds)


def _flat(metadata: Any) -> list[Any]:
    return list(metadata.metadata) if isinstance(metadata, FieldInfo) else [metadata]


def _scalar(annotation: Any) -> str:
    if annotation is Any:
        return "anything"
    if annotation is bool:
        return "boolean"
    return "integer" if annotation is int else "string"


def _bounds(annotation: Any, metadata: list[Any]) -> str:
    """The bounds in words: the shape, then the size."""
    if get_origin(annotation) is Literal:
        return _one_of([str(each) for each in get_args(annotation)])
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _one_of([str(each) for each in annotation])
    lowest, highest = (_limit(metadata, bound, name) for bound, name in ((Ge, "ge"), (Le, "le")))
    shortest, longest = (
        _limit(metadata, bound, name) for bound, name in ((MinLen, "min_length"), (MaxLen, "max_length"))
    )
    unit = {tuple: "items", dict: "entries"}.get(get_origin(annotation) or annotation, "characters")
    words = [each.words for each in metadata if isinstance(each, Shape)]
    if lowest is not None or highest is not None:
        words.append(f"{lowest} to {highest}")
    if longest is not None:
        words.append(f"{shortest} to {longest} {unit}" if shortest else f"at most {longest} {unit}")
    words.extend("each once" for each in metadata if isinstance(each, ListType) and each.kind == "set")
    words.extend("names unique" for each in metadata if isinstance(each, ListType) and each.kind == "map")
    return ", ".join(words)


def _limit(metadata: list[Any], bound: type, name: str) -> int | None:
    return next((getattr(each, name) for each in metadata if isinstance(each, bound)), None)


def _one_of(choices: list[str]) -> str:
    *others, last = [f"`{choice}`" for choice in choices]
    return f"{', '.join(others)} or {last}" if others else last
