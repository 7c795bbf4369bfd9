"""The envelope of each event of a notification that holds several: WhatsApp's own, with the other events cut away.

What surrounds an event (its object, its entry's id and time, its change's field and metadata, its contact, whatever
else stands there) is serialised once and repeated in each envelope. A large surrounding times many events must stay
bounded: one that would come to more than `REPEATED_LIMIT` characters in all is repeated with its essentials only, and
`crowded` tells that the envelopes together do not hold all of the notification.
"""

from collections.abc import Sequence
from typing import Any, Final

from webhookcore.notification.contacts import Contacts
from webhookcore.notification.cuts import MESSAGES, STATUSES, Cut, Place
from webhookcore.notification.exact_json import dumps
from webhookcore.notification.text import as_text

REPEATED_LIMIT: Final = 8 * 1024 * 1024
_ESSENTIALS: Final = ("object", "id", "time", "field", "messaging_product", "display_phone_number", "phone_number_id")
_ESSENTIAL_LENGTH: Final = 64


class Envelopes:
    """Asked for the cuts in their order, it serialises each entry's and each change's surroundings once."""

    def __init__(self, notification: dict[str, Any], cuts: Sequence[Cut]) -> None:
        self.crowded = False
        self._limit = REPEATED_LIMIT // len(cuts)
        self._items: dict[int, list[dict[str, Any]]] = {}
        for cut in cuts:
            if cut.item is not None:
                self._items.setdefault(id(cut.place), []).append(cut.item)
        self._entry: dict[str, Any] | None = None
        self._place: Place | None = None
        self._contacts: Contacts | None = None
        self._until_entry = self._open(notification, "entry")
        self._until_changes = self._until_item = ""

    def of(self, cut: Cut) -> bytes:
        content = dumps(cut.content)
        if cut.name == "entry":
            return f'{self._until_entry}"entry":{content}}}'.encode("ascii")
        if cut.place.entry is not self._entry:
            self._enter_entry(cut.place.entry)
        if cut.name == "changes":
            return f'{self._until_changes}"changes":{content}}}]}}'.encode("ascii")
        if cut.place is not self._place:
            self._enter_change(cut.place)
        contacts = self._contacts.of(cut.item) if self._contacts else ""
        if contacts:
            contacts = f'"contacts":[{contacts}],'
        return f'{self._until_item}{contacts}"{cut.name}":{content}}}}}]}}]}}'.encode("ascii")

    def _enter_entry(self, entry: dict[str, Any]) -> None:
        self._entry = entry
        self._until_changes = f'{self._until_entry}"entry":[{self._open(entry, "changes")}'

    def _enter_change(self, place: Place) -> None:
        self._place = place
        self._contacts = None
        without = [MESSAGES, STATUSES]
        contacts = place.value.get("contacts")
        if isinstance(contacts, list):
            self._contacts = Contacts(contacts, self._items.get(id(place), []), self._limit)
            self.crowded |= self._contacts.left_out
            without.append("contacts")
        change = self._open(place.change, "value")
        value = self._open(place.value, *without)
        self._until_item = f'{self._until_changes}"changes":[{change}"value":{value}'

    def _open(self, source: dict[str, Any], *without: str) -> str:
        """An object as JSON up to where its next member can be written."""
        rest = {name: value for name, value in source.items() if name not in without}
        text = dumps(rest)
        if len(text) > self._limit:
            self.crowded = True
            text = dumps(_essentials(rest))
        return "{" if text == "{}" else f"{text[:-1]},"


def _essentials(source: dict[str, Any]) -> dict[str, Any]:
    essentials = {name: source[name] for name in _ESSENTIALS if 0 < len(as_text(source.get(name))) <= _ESSENTIAL_LENGTH}
    if type(source.get("metadata")) is dict:
        essentials["metadata"] = _essentials(source["metadata"])
    return essentials
