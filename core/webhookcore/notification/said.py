"""What a message says to whoever routes it: its type, its text and its reply."""

from typing import Any, Final

from webhookcore.notification.text import SAID_LIMIT, as_text, cleaned, identity

_SPOKEN_IN: Final = {"text": "body", "image": "caption", "video": "caption", "document": "caption"}
_REPLIES: Final = ("list_reply", "button_reply")

Said = tuple[str, str, str, str]
"""Type, text, reply id, reply title; each empty where there is none."""


def said(message: dict[str, Any]) -> Said:
    """A template's button says its payload, and its text only where it has none. The fields of a form (`nfm_reply`)
    and of an order are its service's to read: nothing in them is routed by.
    """
    kind = cleaned(as_text(message.get("type")))
    inner = message.get(kind)
    if type(inner) is not dict:
        return kind, "", "", ""
    if kind == "interactive":
        return kind, "", *_reply(inner)
    if kind == "button":
        payload, title = _text(inner.get("payload")), _text(inner.get("text"))
        return kind, payload or title, "", cleaned(title)
    if kind == "audio" and inner.get("voice") is True:
        kind = "voice"
    spoken_in = _SPOKEN_IN.get(kind)
    return kind, _text(inner.get(spoken_in)) if spoken_in else "", "", ""


def _reply(interactive: dict[str, Any]) -> tuple[str, str]:
    for name in _REPLIES:
        reply = interactive.get(name)
        if type(reply) is dict:
            return identity(as_text(reply.get("id"))), cleaned(as_text(reply.get("title")))
    return "", ""


def _text(value: object) -> str:
    return cleaned(as_text(value), SAID_LIMIT)
