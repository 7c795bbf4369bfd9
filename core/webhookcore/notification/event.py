"""One event: a message, a status, or another change, cut out of Meta's notification."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an event is; only a MESSAGE is ever routed by what it says."""

    MESSAGE = "message"
    STATUS = "status"
    ERRORS = "errors"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """An event with all that routing needs, read once.

    Every text is safe for a Postgres text column and bounded: no NUL, no lone surrogate, at most 512 characters
    (`text` 4,096); longer ones are cut or, where identity matters, replaced by a digest.
    """

    kind: Kind
    field: str
    """Meta's name of the change ("messages", "history", ...)."""
    dedupe_key: bytes
    """SHA-256, 32 bytes; what makes a repeat a repeat."""
    idempotency_key: str
    """Sent as Idempotency-Key: a message's id, else the dedupe key in hex. Visible ASCII, at most 256 characters."""
    message_id: str | None
    """A message's id; a status's is that of the message it is about."""
    sender: str
    """Whose lane it is: a message's sender, a status's recipient; empty where there is none."""
    message_type: str
    """WhatsApp's type ("text", "audio", "reaction", ...; "voice" for an audio that is a voice note), "" elsewhere."""
    text: str
    """Text body, button payload or caption; "" where there is none."""
    reply_id: str
    """The id of an interactive reply (list or button), "" where there is none."""
    reply_title: str
    """The title of what was chosen: of an interactive reply, or a template button's text."""
    body: bytes
    """What a service receives: one event in WhatsApp's own envelope."""
