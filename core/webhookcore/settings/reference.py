"""The tables of docs/configuration.md, made from the types. `python -m webhookcore.settings.reference FILE` renews
them in place: each stands between the lines `<!-- fields: spec.router -->` and `<!-- end -->`.
"""

import re
import sys
from pathlib import Path
from typing import Final

from webhookcore.settings.fields import ITEM, FieldDoc, describe_fields

TABLE: Final = re.compile(r"(<!-- fields: (?P<above>[^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEADING: Final = "| Field | Type | Default | Allowed | Meaning |\n| --- | --- | --- | --- | --- |\n"


def renewed(page: str) -> str:
    """The page with its tables as the types are now. A field stands in the table that names it most precisely."""
    named = [path for table in TABLE.finditer(page) for path in table["above"].split()]
    rows = {
        doc: max((path for path in named if _holds(path, doc.path)), key=len, default="") for doc in describe_fields()
    }

    def table(match: re.Match[str]) -> str:
        above = match["above"].split()
        return f"{match[1]}{HEADING}{''.join(_row(doc) for doc, path in rows.items() if path in above)}{match[3]}"

    return TABLE.sub(table, page)


def _holds(above: str, path: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}{ITEM}"))


def _row(doc: FieldDoc) -> str:
    default = doc.default if doc.default in ("required", "none") else f"`{doc.default}`"
    cells = (f"`{doc.path}`", doc.type, default, doc.bounds, doc.description)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
