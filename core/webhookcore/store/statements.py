"""Loads the statements of store/sql/*.sql: each has a name, `-- name: claim_due`, and a comment that says why."""

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(group: str) -> dict[str, LiteralString]:
    """The statements of sql/<group>.sql by name. They are files of the project, never user input."""
    text = resources.files("webhookcore.store").joinpath("sql", f"{group}.sql").read_text("utf-8")
    parts = _HEADING.split(text)
    names, statements = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"sql/{group}.sql names a statement twice")
    return {name: cast("LiteralString", text.strip()) for name, text in zip(names, statements, strict=True)}
