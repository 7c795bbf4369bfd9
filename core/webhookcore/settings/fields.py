"""Every field of a WebhookCoreConfig as its types declare it: for documentation, for errors and for the CRD's test."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from webhookcore.settings.envelope import WebhookCoreConfig
from webhookcore.settings.spec.base import Section
from webhookcore.settings.values import Value, value_of

ITEM = "[]"
"""Stands for any index in a field's path."""


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """A field in words."""

    path: str
    """In the config's own words, `[]` for any item: `spec.routes[].menu.title`."""
    type: str
    default: str
    """As JSON; `required` where there is none, `none` for what may be left out altogether."""
    bounds: str
    description: str


def describe_fields() -> list[FieldDoc]:
    """Every field, sections before their own fields, in the config's order."""
    return list(_documented(WebhookCoreConfig, ""))


@functools.cache
def values() -> dict[tuple[str, ...], Value]:
    """What every place in the config may hold, items of lists (`[]`) apart from their lists."""
    return {(): Value("mapping", "", WebhookCoreConfig)} | dict(_places(WebhookCoreConfig, ()))


def names_of(section: type[Section]) -> list[str]:
    """The names of a section's fields in the config's words."""
    return [_name(python_name, info) for python_name, info in section.model_fields.items()]


def _name(python_name: str, info: FieldInfo) -> str:
    return info.alias or python_name


def _documented(section: type[Section], prefix: str) -> Iterator[FieldDoc]:
    for python_name, info in section.model_fields.items():
        path = prefix + _name(python_name, info)
        value = value_of(info)
        yield FieldDoc(path, value.kind, _default(info), value.bounds, info.description or "")
        if value.section:
            yield from _documented(value.section, f"{path}.")
        elif value.item and value.item.section:
            yield from _documented(value.item.section, f"{path}{ITEM}.")


def _places(section: type[Section], prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Value]]:
    for python_name, info in section.model_fields.items():
        place: tuple[str, ...] = (*prefix, _name(python_name, info))
        value: Value | None = value_of(info)
        while value:
            yield place, value
            if value.section:
                yield from _places(value.section, place)
            value, place = value.item, (*place, ITEM)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default is None:
        return "none"
    if isinstance(info.default, Section):
        return "{}"
    return json.dumps(info.default, ensure_ascii=False)
