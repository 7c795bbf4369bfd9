"""What processes use, from /proc: CPU seconds, and memory."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14
"""Places after the command's closing parenthesis in /proc/<pid>/stat, counted from 0."""


def cpu_seconds(*pids: int) -> float:
    """User and system time so far of these processes and their children, those that have ended included."""
    wanted = set(pids)
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _stat(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended a moment ago, and its parent has its time
        if int(entry.name) in wanted:
            ticks += sum(int(fields[place]) for place in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM))
        elif int(fields[_PARENT]) in wanted:
            ticks += sum(int(fields[place]) for place in (_USER, _SYSTEM))
    return ticks / _TICKS


def own_cpu_seconds(stat: str) -> float:
    """User and system time so far of one process by its /proc/<pid>/stat, which may be another machine's."""
    fields = _fields(stat)
    return sum(int(fields[place]) for place in (_USER, _SYSTEM)) / _TICKS


def resident_bytes(pid: int) -> int:
    """Memory that the process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def _stat(pid: int) -> list[str]:
    return _fields(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))


def _fields(stat: str) -> list[str]:
    return stat.rpartition(")")[2].split()
