"""Dedupe keys: SHA-256 over an unambiguous encoding that begins with the kind of thing it is the key of."""

import hashlib
from typing import Any, Final

from webhookcore.notification.cuts import MESSAGES, STATUSES
from webhookcore.notification.exact_json import canonical
from webhookcore.notification.text import as_text

_RECIPIENTS: Final = ("recipient_participant_id", "recipient_participant_user_id", "recipient_id", "recipient_user_id")
_SURROUNDINGS_LEAVE_OUT: Final = frozenset({MESSAGES, STATUSES, "contacts"})


def message_key(phone_number_id: str, message_id: str) -> bytes:
    return _key("message", phone_number_id, message_id)


def status_key(phone_number_id: str, message_id: str, status: dict[str, Any]) -> bytes:
    """One id carries sent, delivered and read, and a group repeats them for each participant."""
    named = as_text(status.get("status"))
    recipient = first_text(status, *_RECIPIENTS)
    return _key("status", phone_number_id, message_id, named, recipient, as_text(status.get("timestamp")))


def other_key(entry: dict[str, Any], content: Any) -> bytes:
    """Of whatever has no id of its own: its entry's id and `time`, and the thing itself."""
    return hashlib.sha256(b"other:" + canonical([entry.get("id"), entry.get("time"), content])).digest()


def whole_key(body: bytes) -> bytes:
    return hashlib.sha256(b"whole:" + body).digest()


class OddItemKeys:
    """Of the messages and statuses of one change that have no id: the change cut down to one of them, and its position,
    since two of them may be equal. The change around them is hashed once, however many there are.
    """

    def __init__(self, entry: dict[str, Any], change: dict[str, Any]) -> None:
        value = {name: inner for name, inner in change["value"].items() if name not in _SURROUNDINGS_LEAVE_OUT}
        around = canonical([entry.get("id"), entry.get("time"), {**change, "value": value}])
        self._around = hashlib.sha256(b"item:%d:%b" % (len(around), around))

    def key(self, name: str, position: int, content: Any) -> bytes:
        digest = self._around.copy()
        digest.update(canonical([name, position, content]))
        return digest.digest()


def first_text(source: dict[str, Any], *names: str) -> str:
    """The first of these fields that holds a text."""
    for name in names:
        text = as_text(source.get(name))
        if text:
            return text
    return ""


def _key(*parts: str) -> bytes:
    encoded = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.sha256(encoded.encode("utf-8", "surrogatepass")).digest()
