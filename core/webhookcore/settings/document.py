"""Reads the one YAML document of a text: its data, and where in the text each part of it stands."""

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from webhookcore.settings.findings import Finding
from webhookcore.settings.problems import Loc, Problem, path_of, unreadable
from webhookcore.settings.yaml_reader import YamlReader

MAX_CHARACTERS: Final = 1024 * 1024

# JSON, which is YAML otherwise, writes a character beyond U+FFFF as two escapes. An escaped backslash begins none.
PAIRS: Final = re.compile(r"\\(?:\\|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2}))")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that could be read. `findings` holds what is wrong with it as YAML (a key that is given twice)."""

    source: str
    data: Any
    lines: dict[Loc, int]
    findings: tuple[Finding, ...]

    def line(self, loc: Loc) -> int:
        """The line of a place, or of the nearest one around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def where(self, loc: Loc) -> str:
        """The file and line of a place."""
        return f"{self.source}:{self.line(loc)}"

    def problem(self, finding: Finding) -> Problem:
        """What was found, as its reader is told."""
        return Problem(path_of(finding.loc), finding.found, finding.allowed, self.where(finding.loc))


def read_document(text: str, source: str) -> Document:
    """Reads the one document of a text. Raises SettingsError for what is none."""
    if len(text) > MAX_CHARACTERS:
        raise unreadable(source, f"{len(text)} characters", f"must be at most {MAX_CHARACTERS}")
    reader = YamlReader(PAIRS.sub(_character, text) if text.lstrip().startswith("{") else text, source)
    try:
        data = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise unreadable(where, f"what is no YAML ({error.problem})", "must be YAML") from error
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise unreadable(f"{source}:{line}", "a character that YAML does not allow", "must be YAML") from error
    return Document(source, data, reader.lines, tuple(reader.findings))


def _character(pair: re.Match[str]) -> str:
    high, low = pair.groups()
    return f"\\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08x}" if high else pair[0]
