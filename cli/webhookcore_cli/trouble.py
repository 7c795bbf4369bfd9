"""Foreseeable trouble: told in a line or a few, without a traceback, with the exit code that says what kind it is."""

from typing import Final

EXIT_FAILED: Final = 1
"""Try again, or look closer."""
EXIT_USAGE: Final = 2
EXIT_CONFIGURATION: Final = 78
"""It will not get better by itself (EX_CONFIG): Kubernetes must not repeat the Job."""


class TroubleError(Exception):
    """What was wrong, where, and what to do about it. `code` is the exit code."""

    def __init__(self, message: str, code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.code = code
