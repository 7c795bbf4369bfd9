"""What is wrong with the settings: every problem at once, each with its field, what was found and what is allowed."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Loc: TypeAlias = tuple[str | int, ...]
"""A place in a document: keys and indices from its root."""

PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
LONGEST_KEY: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in a line. `found` never holds a secret."""

    path: str
    """The field in the config's own words (`spec.routes[1].menu.title`), `$NAME` for an environment variable."""
    found: str
    allowed: str
    """What is allowed instead, as a clause: "must be ...", "did you mean ...?"."""
    where: str = ""
    """The file and line, where there is one: `webhookcoreconfig.yaml:12`."""

    def __str__(self) -> str:
        prefix = "".join(f"{part}: " for part in (self.where, self.path) if part)
        return f"{prefix}found {self.found}; {self.allowed}"


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds all that is wrong, not the first thing."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def unreadable(where: str, found: str, allowed: str) -> SettingsError:
    """For a document of which nothing can be said but that it is none."""
    return SettingsError([Problem("", found, allowed, where)])


def path_of(loc: Loc) -> str:
    """A place in the config's own words."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif PLAIN_KEY.fullmatch(part):
            path += f".{part}" if path else part
        else:
            path += f"[{json.dumps(shortened(part, LONGEST_KEY))}]"
    return path


def shortened(text: str, longest: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
