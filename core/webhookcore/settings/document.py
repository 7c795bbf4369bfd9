"""Reads a YAML document as plain data: bounded, no alias grows without end, and the line of every field is known."""

import re
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
from webhookcore.settings.problems import LONGEST_KEY, Loc, Problem, SettingsError, path_of, shortened
from webhookcore.settings.scalars import TAG, Scalars

MAX_CHARACTERS: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 20_000

# Its parser only: libyaml's composer recurses in C without a limit and a deep document would end the process.
LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

# JSON, which is YAML otherwise, writes a character beyond U+FFFF as two escapes. An escaped backslash begins none.
PAIRS: Final = re.compile(r"\\(?:\\|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2}))")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that could be read. `findings` holds what is wrong with it as YAML (a key that is given twice)."""

    source: str
    data: Any
    lines: dict[Loc, int]
    findings: tuple[Finding, ...]

    def line(self, loc: Loc) -> int:
        """The line of a place, or of the nearest one around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def where(self, loc: Loc) -> str:
        """The file and line of a place."""
        return f"{self.source}:{self.line(loc)}"

    def problem(self, finding: Finding) -> Problem:
        """What was found, as its reader is told."""
        return Problem(path_of(finding.loc), finding.found, finding.allowed, self.where(finding.loc))


@dataclass(frozen=True, slots=True)
class Node:
    """A value, how many levels of collections it is, and how many values once its aliases are written out."""

    value: Any
    height: int
    size: int


def read_document(text: str, source: str) -> Document:
    """Reads the one document of a text. Raises SettingsError for what is none."""
    if len(text) > MAX_CHARACTERS:
        raise _unreadable(source, f"{len(text)} characters", f"must be at most {MAX_CHARACTERS}")
    reader = _Reader(PAIRS.sub(_character, text) if text.lstrip().startswith("{") else text, source)
    try:
        data = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise _unreadable(where, f"what is no YAML ({error.problem})", "must be YAML") from error
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _unreadable(f"{source}:{line}", "a character that YAML does not allow", "must be YAML") from error
    return Document(source, data, reader.lines, tuple(reader.findings))


def _character(pair: re.Match[str]) -> str:
    high, low = pair.groups()
    return f"\\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08x}" if high else pair[0]


def _unreadable(where: str, found: str, allowed: str) -> SettingsError:
    return SettingsError([Problem("", found, allowed, where)])


def _mark(event: Event) -> Mark:
    return cast("Mark", event.start_mark)  # every parsed event has one


def _line(event: Event) -> int:
    return _mark(event).line + 1


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._events = yaml.parse(text, Loader=LOADER)
        self._source = source
        self._scalars = Scalars()
        self._anchors: dict[str, Node] = {}
        self._size = 0
        self.lines: dict[Loc, int] = {}
        self.findings: list[Finding] = []

    def document(self) -> Any:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), StreamEndEvent):
            raise _unreadable(self._source, "nothing", "must hold a WebhookCoreConfig")
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
        return _unreadable(f"{self._source}:{_line(event)}:{_mark(event).column + 1}", found, allowed)

    def _note(self, loc: Loc, found: str, allowed: str) -> None:
        self.findings.append(Finding(loc, found, allowed))
