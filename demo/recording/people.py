"""The people of the recorded day. Their numbers belong to nobody: ranges that are kept for fiction, and the country
code 999, which was never given to any country.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

PHRASES: Final = Path(__file__).with_name("phrases.yaml")
_FICTION: Final = {"English": "120255501{:02d}", "French": "336399800{:02d}"}
_NOWHERE: Final = "9995550{:d}{:02d}"


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody says in one language; see phrases.yaml."""

    hello: str
    ride: str
    ride_to: str
    claim: str
    job: str
    lost: str
    how_long: str
    thanks: str
    photo: str
    skills: str
    key: str
    yes: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a WhatsApp number, or with a username and so without one."""

    name: str
    number: str
    words: Words
    user_id: str = ""

    def called(self) -> dict[str, str]:
        """How their messages name them."""
        return {"from": self.number} if self.number else {"from_user_id": self.user_id}

    def contact(self) -> dict[str, Any]:
        """How the notification does."""
        profile = {"profile": {"name": self.name}}
        return profile | ({"wa_id": self.number} if self.number else {"user_id": self.user_id})


@cache
def languages() -> dict[str, tuple[Words, list[str]]]:
    """Each language's words and its people's names."""
    read: dict[str, dict[str, Any]] = yaml.safe_load(PHRASES.read_text(encoding="utf-8"))
    return {language: (Words(**said), names) for language, said in read.items() for names in [said.pop("names")]}


def person(language: str, position: int, name: str = "") -> Person:
    """The one at a position of their language's list; with a name of their own beyond it."""
    words, names = languages()[language]
    form = _FICTION.get(language, _NOWHERE.replace("{:d}", str(list(languages()).index(language))))
    return Person(name or names[position], form.format(position + 10), words)
