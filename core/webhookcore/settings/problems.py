"""What is wrong with a config: every problem at once, each with its field, what was found and what is allowed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `found` never holds a secret."""

    path: str
    """The field in the config's own words (`spec.routes[1].menu.title`), `$NAME` for an environment variable."""
    found: str
    allowed: str
    """What is allowed instead, as a clause ("must be ...", "did you mean ...?")."""
    line: int | None = None

    def __str__(self) -> str:
        at = f" (line {self.line})" if self.line is not None else ""
        return f"{self.path}{at}: found {self.found}; {self.allowed}"


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds all that is wrong, not the first thing."""

    def __init__(self, problems: tuple[Problem, ...], source: str = "") -> None:
        super().__init__(problems, source)
        self.problems = problems
        self.source = source

    def __str__(self) -> str:
        prefix = f"{self.source}: " if self.source else ""
        return "\n".join(f"{prefix}{problem}" for problem in self.problems)
