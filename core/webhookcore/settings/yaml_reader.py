"""Reads YAML events as plain data: bounded, no alias grows without end, and the line of every field is known."""

from dataclasses import dataclass
from typing import Any, Final, cast

import yaml
from yaml.error import Mark
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from webhookcore.settings.findings import Finding
from webhookcore.settings.problems import LONGEST_KEY, Loc, SettingsError, shortened, unreadable
from webhookcore.settings.scalars import TAG, Scalars

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 20_000

# Its parser only: libyaml's composer recurses in C without a limit and a deep document would end the process.
LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True)
class Node:
    """A value, how many levels of collections it is, and how many values once its aliases are written out."""

    value: Any
    height: int
    size: int


def _mark(event: Event) -> Mark:
    return cast("Mark", event.start_mark)  # every parsed event has one


def _line(event: Event) -> int:
    return _mark(event).line + 1


class YamlReader:
    """Reads one document. `findings` holds what is wrong and hinders no further reading."""

    def __init__(self, text: str, source: str) -> None:
        self._events = yaml.parse(text, Loader=LOADER)
        self._source = source
        self._scalars = Scalars()
        self._anchors: dict[str, Node] = {}
        self._size = 0
        self.lines: dict[Loc, int] = {}
        self.findings: list[Finding] = []

    def document(self) -> Any:
        """The document's data. Raises SettingsError for what goes beyond the bounds, YAMLError for what is no YAML."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), StreamEndEvent):
            raise unreadable(self._source, "nothing", "must hold a WebhookCoreConfig")
        node = self._node(next(self._events), (), 0)
        next(self._events)  # the document's end
        if isinstance(event := next(self._events), DocumentStartEvent):
            raise self._refused(event, "a second document", "must be one document")
        return node.value

    def _node(self, event: Event, loc: Loc, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            if (known := self._anchors.get(str(event.anchor))) is None:
                raise self._refused(event, f"the alias *{event.anchor}", "must follow the anchor that it names")
            self._bound(event, known.size, depth + known.height)
            return known
        before = self._size
        self._bound(event, 1, depth)
        value, height = self._value(event, loc, depth)
        node = Node(value, height, self._size - before)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: Event, loc: Loc, depth: int) -> tuple[Any, int]:
        if isinstance(event, ScalarEvent):
            return self._scalar(event, loc), 0
        if isinstance(event, CollectionStartEvent) and event.tag not in (None, "!", f"{TAG}map", f"{TAG}seq"):
            raise self._refused(event, f"the tag {event.tag}", "must have no tag")
        read = self._mapping if isinstance(event, MappingStartEvent) else self._sequence
        return read(loc, depth + 1)

    def _scalar(self, event: ScalarEvent, loc: Loc) -> Any:
        try:
            return self._scalars.read(event)
        except ValueError as error:
            self._note(loc, str(error), "must be text, a number, true or false")
            return None

    def _sequence(self, loc: Loc, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        height = 0
        while not isinstance(event := next(self._events), SequenceEndEvent):
            place = (*loc, len(items))
            self.lines[place] = _line(event)
            node = self._node(event, place, depth)
            height = max(height, node.height)
            items.append(node.value)
        return items, height + 1

    def _mapping(self, loc: Loc, depth: int) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        height = 0
        while not isinstance(event := next(self._events), MappingEndEvent):
            place = (*loc, self._key(event, loc, entries))
            node = self._node(next(self._events), place, depth)
            height = max(height, node.height)
            entries[str(place[-1])] = node.value
        return entries, height + 1

    def _key(self, event: Event, loc: Loc, entries: dict[str, Any]) -> str:
        if not isinstance(event, ScalarEvent):
            raise self._refused(event, "a key that is no text", "must be text")
        self._bound(event, 1, 0)
        key, place = event.value, (*loc, event.value)
        short = shortened(key, LONGEST_KEY)
        if key == "<<" and event.implicit[0]:
            self._note(place, "a merge (<<)", "must be written out")
        elif not self._scalars.is_text(event):
            self._note(place, f"the key {short}, which is no text", "must be in quotes")
        if key in entries:
            self._note(place, f"a second {short} (the first is on line {self.lines[place]})", "must be given once")
        self.lines[place] = _line(event)
        return key

    def _bound(self, event: Event, more: int, depth: int) -> None:
        self._size += more
        if self._size > MAX_VALUES:
            raise self._refused(event, f"more than {MAX_VALUES} values", "must hold fewer")
        if depth > MAX_DEPTH:
            raise self._refused(event, f"more than {MAX_DEPTH} levels", "must be nested less deeply")

    def _refused(self, event: Event, found: str, allowed: str) -> SettingsError:
        return unreadable(f"{self._source}:{_line(event)}:{_mark(event).column + 1}", found, allowed)

    def _note(self, loc: Loc, found: str, allowed: str) -> None:
        self.findings.append(Finding(loc, found, allowed))
