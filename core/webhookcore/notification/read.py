"""A cut read into its event: whose it is, what it says, and what makes a repeat of it a repeat."""

from typing import Any, Final

from webhookcore.notification.cuts import MESSAGES, STATUSES, Cut, Place
from webhookcore.notification.dedupe import OddItemKeys, first_text, message_key, other_key, status_key
from webhookcore.notification.event import Event, Kind
from webhookcore.notification.said import said
from webhookcore.notification.text import as_text, cleaned, identity

_IDEMPOTENCY_KEY_LIMIT: Final = 256


class Reader:
    """Reads the cuts of one notification, in their order; what the items of a change share is read once."""

    def __init__(self) -> None:
        self._place: Place | None = None
        self._phone_number_id = ""
        self._odd_keys: OddItemKeys | None = None

    def event(self, cut: Cut, position: int, body: bytes) -> Event:
        """`position` tells equal items of one notification apart where they have no id that does."""
        if cut.place is not self._place and cut.name in (MESSAGES, STATUSES):
            self._enter(cut.place)
        if cut.item is None:
            return self._other(cut, position, body)
        if cut.kind is Kind.MESSAGE:
            return self._message(cut, cut.item, position, body)
        return self._status(cut, cut.item, position, body)

    def _message(self, cut: Cut, message: dict[str, Any], position: int, body: bytes) -> Event:
        message_id = as_text(message.get("id"))
        key = message_key(self._phone_number_id, message_id) if message_id else self._odd_key(cut, position)
        message_type, text, reply_id, reply_title = said(message)
        return Event(
            kind=Kind.MESSAGE,
            field=MESSAGES,
            dedupe_key=key,
            idempotency_key=message_id if _fits_a_header(message_id) else key.hex(),
            message_id=identity(message_id) or None,
            sender=identity(first_text(message, "from", "from_user_id")),
            message_type=message_type,
            text=text,
            reply_id=reply_id,
            reply_title=reply_title,
            body=body,
        )

    def _status(self, cut: Cut, status: dict[str, Any], position: int, body: bytes) -> Event:
        message_id = as_text(status.get("id"))
        key = status_key(self._phone_number_id, message_id, status) if message_id else self._odd_key(cut, position)
        recipient = first_text(status, "recipient_id", "recipient_user_id")
        return _event(
            Kind.STATUS, MESSAGES, key, body, message_id=identity(message_id) or None, sender=identity(recipient)
        )

    def _other(self, cut: Cut, position: int, body: bytes) -> Event:
        if cut.name in (MESSAGES, STATUSES):
            key = self._odd_key(cut, position)
        else:
            key = other_key(cut.place.entry, cut.content)
        return _event(cut.kind, cleaned(as_text(cut.place.change.get("field"))), key, body)

    def _enter(self, place: Place) -> None:
        self._place = place
        self._odd_keys = None
        metadata = place.value.get("metadata")
        self._phone_number_id = as_text(metadata.get("phone_number_id")) if type(metadata) is dict else ""

    def _odd_key(self, cut: Cut, position: int) -> bytes:
        if self._odd_keys is None:
            self._odd_keys = OddItemKeys(cut.place.entry, cut.place.change)
        return self._odd_keys.key(cut.name, position, cut.content)


def whole(key: bytes, body: bytes) -> Event:
    """A notification that is one event as it stands."""
    return _event(Kind.OTHER, "", key, body)


def _event(
    kind: Kind, field: str, key: bytes, body: bytes, *, message_id: str | None = None, sender: str = ""
) -> Event:
    return Event(
        kind=kind,
        field=field,
        dedupe_key=key,
        idempotency_key=key.hex(),
        message_id=message_id,
        sender=sender,
        message_type="",
        text="",
        reply_id="",
        reply_title="",
        body=body,
    )


def _fits_a_header(text: str) -> bool:
    return 0 < len(text) <= _IDEMPOTENCY_KEY_LIMIT and text.isascii() and text.isprintable() and " " not in text
