"""What checking finds: a place, what stands there without giving a secret away, and what is allowed instead."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from webhookcore.settings.problems import Loc, shortened

LONGEST_SHOWN: Final = 60
COUNTED_FROM: Final = 20
# What stands below such a name may be a secret that was put into the config by mistake.
SENSITIVE: Final = re.compile(r"secret|token|password|credential", re.IGNORECASE)
URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:[/\\]*)([^/\\?#]*@)?([^?#]*)([?#].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place of the document."""

    loc: Loc
    found: str
    allowed: str


def shown(value: Any, loc: Loc) -> str:
    """A value in an error. Never a secret: those fields, and a URL's user, password and query, are not shown."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"a mapping of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if any(SENSITIVE.search(part) for part in loc if isinstance(part, str)):
        return "a value that is not shown"
    if not isinstance(value, str):
        return json.dumps(value)
    count = f" ({len(value)} characters)" if len(value) > COUNTED_FROM else ""
    if match := URL.fullmatch(value):
        scheme, userinfo, rest, query = match.groups(default="")
        value = scheme + ("…@" if userinfo else "") + rest + (query[:1] + "…" if query else "")
    return json.dumps(shortened(value, LONGEST_SHOWN), ensure_ascii=False) + count
