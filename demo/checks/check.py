"""The result of one check."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`looked_at` counts what was compared; each mismatch says what, expected and found."""

    title: str
    looked_at: int
    mismatches: tuple[str, ...]

    @classmethod
    def of(cls, title: str, looked_at: int, mismatches: Iterable[str]) -> "Check":
        return cls(title, looked_at, tuple(mismatches))
