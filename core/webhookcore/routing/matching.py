"""How texts are compared: normalised alike, then as a whole or word by word.

*Normalised* is Unicode's NFKC_Casefold (width, case, ligatures and invisible characters make no difference), trimmed,
with single spaces inside, and with the digits of every script as 0-9; the box of a keycap emoji counts as invisible,
so that a circled, an Arabic, a full-width and a keycap 1 all choose the menu key 1.

A *word* is the longest run of letters, digits and combining marks, joined by inner underscores (`trip_42` is one
word). Where a script puts no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), each character is a
word by itself, and so is each symbol or emoji: a keyword of several words matches where they follow each other.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# Unicode's Default_Ignorable_Code_Point, and U+20E3, the box of a keycap emoji.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff"
    "\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff]"
)
_REMEMBERED: Final = 4096


def normalised(text: str) -> str:
    """The form in which two texts are the same for routing. Normalising twice changes nothing."""
    if text.isascii():
        return " ".join(text.lower().split())
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = unicodedata.normalize("NFKC", text.casefold())
    text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return " ".join(text.split())


class _Separated(dict[int, str]):
    """For str.translate: each character as it stands in a text whose words have spaces between them. What was looked
    up is remembered, up to a bound: anybody may send any character.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "So" or _UNSPACED.match(character):
            separated = f" {character} "
        elif category[0] in "LNM" or character == "_":
            separated = character
        else:
            separated = " "
        if len(self) < _REMEMBERED:
            self[code] = separated
        return separated


_SEPARATED: Final = _Separated()


def words(text: str) -> list[str]:
    """The words of a normalised text, in order."""
    found = text.translate(_SEPARATED).split()
    if "_" in text:
        found = [word for word in (joined.strip("_") for joined in found) if word]
    return found


class Phrases:
    """Keywords looked up inside a text, all in one pass over its words. A keyword without a word (such as "?") is in
    no text.
    """

    def __init__(self, keywords: Iterable[tuple[str, int]]) -> None:
        """Normalised keywords, each with the number of the route that it leads to."""
        self._owners: dict[str, set[int]] = {}
        lengths: dict[str, set[int]] = {}
        for keyword, owner in keywords:
            phrase = words(keyword)
            if phrase:
                self._owners.setdefault(" ".join(phrase), set()).add(owner)
                lengths.setdefault(phrase[0], set()).add(len(phrase))
        self._lengths = {first: tuple(sorted(found)) for first, found in lengths.items()}

    def most_matched(self, text: str) -> int | None:
        """The route with the most different keywords inside this normalised text; among equals the lowest number."""
        found: set[str] = set()
        spoken = words(text)
        for position, word in enumerate(spoken):
            for length in self._lengths.get(word, ()):
                phrase = word if length == 1 else " ".join(spoken[position : position + length])
                if phrase in self._owners:
                    found.add(phrase)
        if not found:
            return None
        counts: dict[int, int] = {}
        for phrase in found:
            for owner in self._owners[phrase]:
                counts[owner] = counts.get(owner, 0) + 1
        return min(counts, key=lambda owner: (-counts[owner], owner))
