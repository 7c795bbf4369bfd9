"""Finds one secret: in its environment variable, else in its file. What is empty or too short is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webhookcore.settings.database_url import MUST_BE, is_database_url
from webhookcore.settings.problems import Problem
from webhookcore.settings.spec import SecretRef

MAX_BYTES: Final = 64 * 1024
VISIBLE: Final = frozenset(range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class Sought:
    """A secret to look for, and how to speak of it."""

    path: str
    variable: str
    ref: SecretRef | None
    required: bool
    where: str = ""
    """The file and line of the reference."""
    shortest: int = 1
    """Bytes."""
    in_header: bool = False
    """Whether it is sent in a header, which takes visible ASCII only."""


class Finder:
    """Looks in the environment first, then in `<directory>/<Secret's name>/<key>`. Collects what is wrong."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self._environ = environ
        self._directory = directory
        self.problems: list[Problem] = []

    def find(self, sought: Sought) -> bytes | None:
        """The secret without line ends behind it; None where there is none, or none that can be used."""
        variable = f"${sought.variable}"
        text = self._environ.get(sought.variable)
        if text is not None:
            return self._fit(text.encode("utf-8", "surrogateescape"), variable, sought)
        if sought.ref is None:
            if sought.required:
                self.problems.append(Problem(variable, "nothing", "must be set"))
            return None
        file = self._directory / sought.ref.name / sought.ref.key
        try:
            with file.open("rb") as opened:
                return self._fit(opened.read(MAX_BYTES + 1), str(file), sought)
        except (FileNotFoundError, NotADirectoryError):
            if sought.required:
                self._problem(sought, f"nothing in {variable} and no file {file}", "must be in one of them")
        except OSError as error:
            self._problem(sought, f"a file {file} that cannot be read ({error.strerror})", "must be readable")
        return None

    def find_text(self, sought: Sought) -> str | None:
        """The same as text."""
        if (secret := self.find(sought)) is None:
            return None
        try:
            return secret.decode()
        except UnicodeDecodeError:
            self._problem(sought, "bytes that are no UTF-8", "must be text")
            return None

    def find_database_url(self, sought: Sought) -> str | None:
        """The same as a database's URL."""
        if (text := self.find_text(sought)) is None or is_database_url(text):
            return text
        self._problem(sought, "no URL of a database", MUST_BE)  # which may hold a password: it is not quoted
        return None

    def _fit(self, secret: bytes, where: str, sought: Sought) -> bytes | None:
        secret = secret.rstrip(b"\r\n")
        if not secret:
            self._problem(sought, f"an empty secret in {where}", "must not be empty")
        elif len(secret) > MAX_BYTES:
            self._problem(sought, f"a secret that is too long in {where}", f"must have at most {MAX_BYTES} bytes")
        elif len(secret) < sought.shortest:
            self._problem(
                sought, f"a secret that is too short in {where}", f"must have at least {sought.shortest} bytes"
            )
        elif sought.in_header and not VISIBLE.issuperset(secret):
            self._problem(sought, f"a token with blanks or other odd characters in {where}", "must be visible ASCII")
        else:
            return secret
        return None

    def _problem(self, sought: Sought, found: str, allowed: str) -> None:
        self.problems.append(Problem(sought.path, found, allowed, sought.where))
