"""Where a notification is cut into events. Nothing is left out: what has an odd shape is a cut of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from webhookcore.notification.event import Kind

LIVE_FIELD: Final = "messages"
"""Only under this field are messages live; a change of any other field is one event, whatever it holds."""
MESSAGES: Final = "messages"
STATUSES: Final = "statuses"


@dataclass(slots=True, eq=False)
class Place:
    """Where an event stands: its entry and its change; empty where the event is more than that."""

    entry: dict[str, Any]
    change: dict[str, Any]

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = self.change["value"]
        return value


@dataclass(slots=True)
class Cut:
    """One event to be: `content` is what stands under `name` in the envelope at this place.

    `item` is the message or status that can be read out of it; None where there is none.
    """

    kind: Kind
    place: Place
    name: str
    content: Any
    item: dict[str, Any] | None = None


_NOWHERE: Final = Place({}, {})


def cuts(notification: dict[str, Any]) -> list[Cut]:
    """At least one, in the notification's own order. Where it holds no entry, the whole of it is one."""
    entries = notification.get("entry")
    if type(entries) is not list or not entries:
        return [Cut(Kind.OTHER, _NOWHERE, "", notification)]
    found: list[Cut] = []
    odd: list[Any] = []
    for entry in entries:
        if type(entry) is dict and entry:
            found += _of_entry(entry)
        else:
            odd.append(entry)
    if odd:
        found.append(Cut(Kind.OTHER, _NOWHERE, "entry", odd))
    return found


def _of_entry(entry: dict[str, Any]) -> Iterator[Cut]:
    changes = entry.get("changes")
    if type(changes) is not list or not changes:
        yield Cut(Kind.OTHER, Place(entry, {}), "entry", [entry])
        return
    odd: list[Any] = []
    for change in changes:
        if type(change) is not dict or not change:
            odd.append(change)
        elif change.get("field") == LIVE_FIELD and type(change.get("value")) is dict:
            yield from _of_live_change(Place(entry, change))
        else:
            yield Cut(Kind.OTHER, Place(entry, change), "changes", [change])
    if odd:
        yield Cut(Kind.OTHER, Place(entry, {}), "changes", odd)


def _of_live_change(place: Place) -> Iterator[Cut]:
    value = place.value
    nothing = True
    for name, kind in ((MESSAGES, Kind.MESSAGE), (STATUSES, Kind.STATUS)):
        items = value.get(name)
        if not items:
            continue
        nothing = False
        if type(items) is not list:
            yield Cut(Kind.OTHER, place, name, items)
            continue
        odd: list[Any] = []
        for item in items:
            if type(item) is dict and item:
                yield Cut(kind, place, name, [item], item)
            else:
                odd.append(item)
        if odd:
            yield Cut(Kind.OTHER, place, name, odd)
    if nothing:
        kind = Kind.ERRORS if value.get("errors") else Kind.OTHER
        yield Cut(kind, place, "changes", [place.change])
