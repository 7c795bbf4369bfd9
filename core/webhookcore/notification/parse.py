"""A request's body as a notification: any JSON object is one, nothing else is."""

from typing import Any, Final

from webhookcore.notification import exact_json

MAX_DEPTH: Final = 800
"""Levels of nesting. Python's own limit lies near 1,000, less what the caller's stack takes; with a bound of our own
every Python version refuses the same bodies, and what was read can be written again a few calls deeper."""


class NotANotification(ValueError):  # noqa: N818 - says what the body is, not that something broke
    """The body is no JSON object: the only well-signed body that is refused."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_notification(body: bytes) -> dict[str, Any]:
    """Numbers that Python would write differently come as `exact_json.Number`."""
    try:
        parsed = exact_json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise NotANotification("the body is not UTF-8") from None
    except RecursionError:
        raise NotANotification(f"the body nests deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise NotANotification(f"the body is no JSON: {error}") from None
    if type(parsed) is not dict:
        raise NotANotification("the body is no JSON object")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and nests_deeper(parsed, MAX_DEPTH):
        raise NotANotification(f"the body nests deeper than {MAX_DEPTH} levels")
    return parsed


def nests_deeper(value: Any, depth: int) -> bool:
    """Whether a parsed value has more than `depth` levels of lists and objects; linear, level by level."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
