"""Texts out of a notification, made fit for a Postgres text column: bounded, no NUL, no lone surrogate."""

import hashlib
from typing import Final

from webhookcore.notification.exact_json import Number

SAID_LIMIT: Final = 4096
"""Characters of what a sender said; WhatsApp's own limit of a text body."""
LABEL_LIMIT: Final = 512
"""Characters of everything else: names, ids, types."""
_PREFIX: Final = 64


def as_text(value: object) -> str:
    """A JSON string or number as text; empty for everything else."""
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return repr(value)
    return value.text if type(value) is Number else ""


def cleaned(text: str, limit: int = LABEL_LIMIT) -> str:
    """Cut to `limit` characters; what Postgres cannot keep becomes U+FFFD."""
    if len(text) > limit:
        text = text[:limit]
    return text if text.isprintable() or _keepable(text) else _replaced(text)


def identity(text: str) -> str:
    """As `cleaned`, but two different texts never become one: what would be changed carries a digest of the whole."""
    if len(text) <= LABEL_LIMIT and (text.isprintable() or _keepable(text)):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_replaced(text[:_PREFIX])}~{digest}"


def _keepable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _replaced(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
