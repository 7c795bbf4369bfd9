"""Whether a text is a database's URL: asked before libpq is, which quotes what it cannot read, a password among it.

A URL with a password that is not percent-encoded may be read all the same, as another one: what stands behind the
password's @ is then the host, and everybody's error messages name hosts.
"""

import re
from typing import Final

MUST_BE: Final = (
    "must be postgresql://USER:PASSWORD@HOST/DATABASE, with what is special in the user and the password "
    "percent-encoded (% as %25, @ as %40, / as %2F, : as %3A)"
)

_ENCODED: Final = "%[0-9A-Fa-f]{2}"
_HOST: Final = rf"(?:\[[^\[\]@/?\s]+\]|(?:[^%@/?:,\[\]\s]|{_ENCODED})*)(?::[0-9]*)?"
_URL: Final = re.compile(
    r"postgres(?:ql)?://"
    rf"(?:(?:[^%@/:\s]|{_ENCODED})*(?::(?:[^%@/\s]|{_ENCODED})*)?@)?"
    rf"{_HOST}(?:,{_HOST})*"
    rf"(?:/(?:[^%@?\s]|{_ENCODED})*)?"
    rf"(?:\?(?:[^%@\s]|{_ENCODED})*)?"
)
_KEYWORDS: Final = re.compile(r"\s*(?:\w+\s*=\s*(?:'(?:[^'\\]|\\.)*'|(?:[^'\s\\]|\\.)(?:[^\s\\]|\\.)*)?(?:\s+|$))+")
"""libpq's other form: host=... user=..."""


def is_database_url(text: str) -> bool:
    """By its form: `postgresql://...` or `keyword=value ...`. Which parameters there are is libpq's to know."""
    return (_URL if "://" in text.partition("=")[0] else _KEYWORDS).fullmatch(text) is not None
