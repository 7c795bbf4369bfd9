"""How much of the full length a soak runs: SOAK_SHARE, 1 unless told otherwise."""

import os
from typing import Final

SHARE: Final = float(os.environ.get("SOAK_SHARE", "1"))


def of(full: float, *, least: float = 1) -> int:
    """That share of `full` (a count, or seconds)."""
    return round(max(least, full * SHARE))
