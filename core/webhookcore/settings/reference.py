"""The tables of docs/configuration.md, made from the types. `python -m webhookcore.settings.reference FILE` renews
them in place: each stands between the lines `<!-- fields: spec.router -->` and `<!-- end -->`.
"""

import re
import sys
from pathlib import Path
from typing import Final

from webhookcore.settings.fields import FieldDoc, describe_fields

TABLE: Final = re.compile(r"(<!-- fields: (?P<prefix>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEADING: Final = "| Field | Type | Default | Allowed | Meaning |\n| --- | --- | --- | --- | --- |\n"


def renewed(page: str) -> str:
    """The page with its tables as the types are now."""
    return TABLE.sub(lambda match: f"{match[1]}{HEADING}{_rows(page, match['prefix'])}{match[3]}", page)


def prefixes(page: str) -> list[str]:
    """What the page has tables of."""
    return [match["prefix"] for match in TABLE.finditer(page)]


def _rows(page: str, prefix: str) -> str:
    """The fields below a prefix that no more precise table of the page takes."""
    narrower = [other for other in prefixes(page) if other.startswith(prefix) and other != prefix]
    return "".join(
        _row(doc)
        for doc in describe_fields()
        if _below(doc.path, prefix) and not any(_below(doc.path, other) for other in narrower)
    )


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}[]"))


def _row(doc: FieldDoc) -> str:
    cells = (f"`{doc.path}`", doc.type, _default(doc.default), doc.bounds, doc.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(default: str) -> str:
    return default if default in ("required", "none") else f"`{default}`"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
