"""Texts that people read, kept word for word in tests/cluster/golden/."""

import os
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "golden"


def is_golden(name: str, text: str) -> None:
    """The text is that of the file, but for spaces at the ends of lines; UPDATE_GOLDEN=1 renews the file."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
