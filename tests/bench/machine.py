"""The machine that the figures were measured on, and which of its cores belong to what."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cores:
    """The server under test has one core to itself where there are two; everything else shares the others."""

    server: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of(cls, available: frozenset[int]) -> "Cores":
        first = frozenset({min(available)})
        return cls(first, (available - first) or first)


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """What is started inside runs on these cores, with all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe() -> dict[str, Any]:
    """For results/latest.json."""
    return {
        "cores": os.cpu_count(),
        "cpu": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "memoryGiB": round(int((_line("/proc/meminfo", "MemTotal") or "0").split()[0]) / 1024**2, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _line(path: str, name: str) -> str | None:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
