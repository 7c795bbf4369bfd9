"""Writes the recorded day: `python -m demo.recording [FILE]`, the same to the byte each time."""

import sys
from pathlib import Path
from typing import Any

from demo.day import RECORDING, write
from demo.recording.conversation import Conversation
from demo.recording.journeys import BEGINNINGS, HOUR
from demo.recording.people import languages, person
from demo.recording.scenes import scenes
from demo.recording.tape import Tape

EACH_SO_MANY = 23
"""Meta sends one of so many notifications again, though it was answered."""


def record() -> list[dict[str, Any]]:
    """The lines of the recording."""
    tape = Tape()
    for place, (journey, (first, last)) in enumerate(BEGINNINGS.items()):
        step = (last - first) / (len(languages()) - 1)
        for row, language in enumerate(languages()):
            journey(Conversation(tape, person(language, place), (first + row * step) * HOUR))
    for position, take in enumerate(list(tape.takes)):
        if position % EACH_SO_MANY == EACH_SO_MANY - 1:
            tape.again(take, 300 + 60 * (position % 7), "Meta again")
    scenes(tape)
    return tape.lines()


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING
    write(path, record())
    sys.stderr.write(f"{path} written\n")
