"""Takes what is wrong out of a document, so that the rest of it can be checked too, and remembers where it stood."""

from collections.abc import Container
from typing import Any

from webhookcore.settings.problems import Loc


class Pruned:
    """A document without some of its values. A place in it (`kept`) and in the original differ by list indices."""

    def __init__(self, original: Any, broken: Container[Loc]) -> None:
        """`broken`: places of the original that are left out."""
        self._indices: dict[Loc, list[int]] = {}
        self.data: Any = self._prune(original, (), (), broken)

    def original(self, kept: Loc) -> Loc:
        """Where a place of what was kept stands in the original."""
        original: Loc = ()
        for position, part in enumerate(kept):
            indices = self._indices.get(kept[:position], ())
            original += (indices[part] if isinstance(part, int) and part < len(indices) else part,)
        return original

    def _prune(self, node: Any, original: Loc, kept: Loc, broken: Container[Loc]) -> Any:
        if isinstance(node, dict):
            return {
                key: self._prune(value, (*original, key), (*kept, key), broken)
                for key, value in node.items()
                if (*original, key) not in broken
            }
        if isinstance(node, list):
            self._indices[kept] = [index for index in range(len(node)) if (*original, index) not in broken]
            return [
                self._prune(node[index], (*original, index), (*kept, position), broken)
                for position, index in enumerate(self._indices[kept])
            ]
        return node


def reached(document: Any, loc: Loc) -> tuple[Loc, Any]:
    """The last place on the way to `loc` that the document has, and what stands there."""
    value = document
    for depth, part in enumerate(loc):
        known = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if part not in known:
            return loc[:depth], value
        value = value[part]
    return loc, value
