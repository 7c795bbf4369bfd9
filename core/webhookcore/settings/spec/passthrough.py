"""Bounds for what is passed through to Kubernetes as it stands: it may be anything, but not of any size."""

import json
from typing import Any, Final, TypeVar

MAX_BYTES: Final = 16 * 1024

T = TypeVar("T", bound="dict[str, Any] | list[Any]")


def small_enough(value: T) -> T:
    """Refuses what would take more than 16 KiB as JSON."""
    size = len(json.dumps(value))
    if size > MAX_BYTES:
        raise ValueError(f"at most {MAX_BYTES} bytes as JSON")
    return value
