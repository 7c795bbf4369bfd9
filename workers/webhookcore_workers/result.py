"""How every job ends: its exit code, and one line of JSON, the last on stdout."""

import io
import json
import sys
from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """What Kubernetes, or whoever started the job, should make of its end."""

    WORKED = 0
    TRY_AGAIN = 1
    CONFIGURATION = 78
    """EX_CONFIG: it will not get better by itself."""


class Stdout(io.TextIOBase):
    """Whatever sys.stdout is at the moment: while a progress bar is shown, lines go above it."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def print_result(result: Mapping[str, object]) -> None:
    """Writes the line and flushes it: a process that is ended now has said all that it knew."""
    sys.stdout.write(json.dumps(result, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """For a person who watches, apart from the result."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
