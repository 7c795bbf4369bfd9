"""The pages of the documentation as tests read and run them.

A page is walked from top to bottom. Comments, which no reader sees, tell what happens between its blocks:
`<!-- step: NAME -->` runs that step of the page's test, `<!-- not run: WHY -->` passes over the block below it, and
`<!-- table: NAME -->` names the table below it. Every other fenced block goes to what the test has for its language,
which gives back what it looks like in truth; the two must be equal once what differs from run to run is evened out. A
line `...` in a block stands for any lines. UPDATE_PAGES=1 writes what is not equal into the page.
"""

import difflib
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

STEP: Final = "step"
NOT_RUN: Final = "not run"
TABLE: Final = "table"

ON_A_CLUSTER: Final = "shellsession"
"""The language of what needs a cluster, on pages that show what needs none (`console`) too."""

_MARK: Final = re.compile(rf"<!-- ({STEP}|{NOT_RUN}|{TABLE}): (.*) -->")
_FENCE: Final = re.compile(r"( *)```(\w*)$")
_ANYTHING: Final = "..."
_PICTURES: Final = {"mermaid"}


@dataclass(frozen=True, slots=True)
class Part:
    """A mark (`kind` is STEP, NOT_RUN or TABLE) or a fenced block (`kind` is its language)."""

    kind: str
    text: str
    line: int
    """Of the mark, or of a block's first line; counted from 1."""
    lines: int = 1
    indent: str = ""
    """Of a block in a list."""


Show = Callable[[str], Awaitable[str]]
"""Takes a block's text and does what it says; what it looks like in truth."""
Step = Callable[[], Awaitable[None]]


def parts(page: Path) -> Iterator[Part]:
    """The marks and blocks of a page, in order."""
    fence: re.Match[str] | None = None
    block: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        if fence is None:
            if mark := _MARK.fullmatch(line.strip()):
                yield Part(mark[1], mark[2], number)
            elif fence := _FENCE.fullmatch(line):
                block = []
        elif line == f"{fence[1]}```":
            yield Part(fence[2], "\n".join(block), number - len(block), len(block), fence[1])
            fence = None
        else:
            block.append(line.removeprefix(fence[1]))
    assert fence is None, f"{page.name}: a block has no end"


async def elsewhere(text: str) -> str:
    """Shows a block that another test of the page runs."""
    return text


async def walk(page: Path, *, show: Mapping[str, Show], steps: Mapping[str, Step] | None = None) -> None:
    """Goes through a page. A language that `show` does not have, or a step that is not in `steps`, is a KeyError."""
    passed_over = False
    wrong: list[tuple[Part, str]] = []
    for part in list(parts(page)):
        if part.kind == STEP:
            await (steps or {})[part.text]()
        elif part.kind == NOT_RUN:
            passed_over = True
        elif part.kind not in {TABLE, *_PICTURES}:
            if not passed_over and not is_shown(part.text, real := await show[part.kind](part.text)):
                if not os.environ.get("UPDATE_PAGES"):
                    raise AssertionError(_difference(page, part, real))
                wrong.append((part, real))
            passed_over = False
    _write(page, wrong)


def tables(page: Path) -> dict[str, list[list[str]]]:
    """The named tables of a page: their rows without the heading, each cell's code without its backticks."""
    found: dict[str, list[list[str]]] = {}
    lines = page.read_text(encoding="utf-8").split("\n")
    for part in parts(page):
        if part.kind == TABLE:
            rows = []
            for line in lines[part.line + 2 :]:
                if not line.startswith("|"):
                    break
                rows.append([cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
            found[part.text] = rows
    return found


def code(cell: str) -> list[str]:
    """What stands in backticks in a table's cell."""
    return re.findall(r"`([^`]+)`", cell)


_EVENED: Final = [
    (re.compile(pattern), evened)
    for pattern, evened in (
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
        (r"wamid\.[A-Za-z0-9+/=]+", "WAMID"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?Z|\+00(:00)?)?", "TIME"),
        (r"\b\d\d:\d\d(:\d\d)?( on \d+ [A-Z][a-z]+)?\b", "TIME"),
        (r"\b[0-9a-f]{16,64}\b", "HEX"),
        (r'("(\w*Ms|ms|waitSeconds)"): ?[\d.]+', r"\1:N"),
        (r"\b\d+m(\d+s)?\b", "DURATION"),
        (r"-[bcdf-hj-np-tv-xz2-9]{6,10}-[bcdf-hj-np-tv-xz2-9]{5}\b", "-POD"),
        (r"\b10\.\d+\.\d+\.\d+\b", "IP"),
        (r"\b(in )?\d+(\.\d+)? ?(ms|s|min|h|d)\b( ago)?", "DURATION"),
        (r"[─━-]{2,}", "--"),
        (r", ms +[\d.]+", ", ms N"),
        (r"127\.0\.0\.1:\d{5}\b", "127.0.0.1:PORT"),
        (r"\bpython3\.\d+\b", "python3"),
        (r"content-length: \d+", "content-length: N"),
        (r"\b\d+\.\d+\.\d+\b", "VERSION"),
    )
]


def even(text: str) -> str:
    """The words of a text without what differs from run to run: ids, times, durations, hashes, where a line ends."""
    text = " ".join(text.split())
    for pattern, evened in _EVENED:
        text = pattern.sub(evened, text)
    return text


def is_shown(shown: str, real: str) -> bool:
    """Whether a block shows what is real."""
    words = even(shown).split(" ")
    pattern = "".join(r"(?:\S+ )*?" if word == _ANYTHING else re.escape(word) + " " for word in words)
    return re.fullmatch(pattern, even(real) + " ") is not None


def _difference(page: Path, part: Part, real: str) -> str:
    place = f"{page.name}:{part.line}"
    lines = difflib.unified_diff(part.text.split("\n"), real.split("\n"), place, "what happens", lineterm="", n=100)
    return "\n".join([f"{place} shows something else than what happens:", *lines])


def _write(page: Path, wrong: list[tuple[Part, str]]) -> None:
    """From the last block to the first, so that lines stay where they are."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for part, real in reversed(wrong):
        shown = [f"{part.indent}{line}".rstrip() for line in real.strip("\n").split("\n")]
        lines[part.line - 1 : part.line - 1 + part.lines] = shown
    if wrong:
        page.write_text("\n".join(lines), encoding="utf-8")
