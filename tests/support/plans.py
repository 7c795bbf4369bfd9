"""How Postgres would run a statement of the store: its generic plan, which is what the store's connections use."""

import re
from collections.abc import Iterator
from typing import Any

from webhookcore.store.database import Connection

_PARAMETER = re.compile(r"%\((\w+)\)s")


async def plan(conn: Connection, statement: str) -> list[dict[str, Any]]:
    """All nodes of the statement's generic plan, from the top."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    text = _PARAMETER.sub(numbered, statement).replace("%%", "%")
    cursor = await conn.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}".encode(), prepare=False)
    row = await cursor.fetchone()
    assert row is not None
    return list(_nodes(row[0][0]["Plan"]))


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """The indexes that a plan reads."""
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def node_types(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Node Type"] for node in nodes}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
