"""An event's body as a jsonb parameter: itself, or a marked stand-in for what jsonb, or who reads it, refuses."""

import hashlib
import json
import re
from typing import Any, Final

from webhookcore.notification.parse import nests_deeper

MAX_DEPTH: Final = 512
"""Levels of nesting; Postgres' own limit depends on its stack."""
_MARK: Final = "$webhookcore"

_MOST_DIGITS: Final = 4300
"""Of a number; numeric takes more, but Python, which reads the payload, refuses an int of more."""
_LARGEST_EXPONENT: Final = 400
"""More than a double has. jsonb writes exponents out: with numeric's own bound a 9-byte 1e131071 would be read back as
131,072 digits."""
_SURELY_SHORT: Final = 4096
"""Bytes of a body in which no number without an exponent of three digits has too many digits."""
_EXPONENT: Final = re.compile(rb"[0-9][eE][+-]?[0-9]{3}")
_SUSPECT_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# An escaped backslash and a whole surrogate pair are passed over; what is left of the suspects is refused.
_ESCAPES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?:(?P<null>0000)|(?P<lone>[dD][89a-fA-F]))"
)


class _Refused(Exception):  # noqa: N818 - an answer on its way out of the parser, not an error
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def storable_json(body: bytes) -> str:
    """`body` is an event's: a JSON object. It is returned as it is wherever Postgres takes it."""
    reason = _refused_escape(body) or _refused_number_or_depth(body)
    return stand_in(body, reason) if reason else body.decode("utf-8")


def _refused_escape(body: bytes) -> str | None:
    if b"\\u" not in body or not _SUSPECT_ESCAPE.search(body):
        return None
    for escape in _ESCAPES.finditer(body):
        if escape["null"]:
            return "a null character"
        if escape["lone"]:
            return "a lone surrogate"
    return None


def _refused_number_or_depth(body: bytes) -> str | None:
    deep = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    if not deep and len(body) <= _SURELY_SHORT and not _EXPONENT.search(body):
        return None
    try:
        parsed = json.loads(body, parse_float=_check_number, parse_int=_check_number)
    except _Refused as refused:
        return refused.reason
    except RecursionError:
        return "nested too deeply"
    return "nested too deeply" if deep and nests_deeper(parsed, MAX_DEPTH) else None


def _check_number(text: str) -> None:
    mantissa, _, exponent = text.lower().partition("e")
    short = len(mantissa) <= _MOST_DIGITS and len(exponent) <= len(f"+{_LARGEST_EXPONENT}")
    if not short or abs(int(exponent or "0")) > _LARGEST_EXPONENT:
        raise _Refused("a number out of range")


def stand_in(body: bytes, reason: str) -> str:
    """What jsonb keeps instead of a body: that it is one, why, and how to know the bytes again."""
    marked: dict[str, Any] = {
        _MARK: "not storable as jsonb",
        "reason": reason,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(marked)
