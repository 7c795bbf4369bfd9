"""A command's JSON result in a few words: what it counted, without the settings and durations that it repeats."""

from collections.abc import Mapping
from typing import Any, Final

_NO_COUNTS: Final = ("Ms", "Hours", "Days")


def brief(result: Mapping[str, Any]) -> str:
    """Such as: 4 processed, 3 successful, 1 failed."""
    counts: dict[str, int] = {}
    for name, value in result.items():
        inside = value.items() if isinstance(value, dict) else [("", value)]
        counts |= {f"{name} {inner}".strip(): count for inner, count in inside if _is_count(inner or name, count)}
    shown = [f"{count} {name}" for name, count in counts.items() if count]
    return ", ".join(shown) or "nothing to do"


def _is_count(name: str, value: object) -> bool:
    return type(value) is int and not name.endswith(_NO_COUNTS)
