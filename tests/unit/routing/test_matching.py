"""How texts are compared: what makes no difference, and what a word is."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.routing import matching
from webhookcore.routing.matching import Phrases, normalised, words

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
WORD = st.sampled_from(["taxi", "moto", "بيت", "打", "車", "🚕", "ü", "a_b", "1"])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("TAXI", "taxi"),
        ("  taxi\n", "taxi"),
        ("moto \t\u00a0 taxi", "moto taxi"),
        ("Straße", "STRASSE"),
        ("İstanbul", "i\u0307stanbul"),
        ("ΣΑΣ", "σας"),
        ("\uff34\uff21\uff38\uff29", "taxi"),
        ("ﬁnance", "finance"),
        ("Cafe\u0301", "café"),
        ("\u200fبيت\u200e", "بيت"),
        ("ta\u00adxi", "taxi"),
        ("\ufefftaxi\u200b", "taxi"),
        ("\u0661", "1"),
        ("\u0967", "1"),
        ("①", "1"),
        ("1\ufe0f\u20e3", "1"),
        ("\uff1f", "?"),
        ("❤\ufe0f", "❤"),
        ("한국", "한국"),
    ],
)
def test_what_makes_no_difference(text: str, same: str) -> None:
    """Case, width, composition, spaces, invisible characters and the script of digits."""
    assert normalised(text) == normalised(same)


@pytest.mark.parametrize(
    ("text", "other"), [("cafe", "café"), ("taxi", "taxis"), ("taxi!", "taxi"), ("mototaxi", "moto taxi"), ("?", "??")]
)
def test_what_makes_a_difference(text: str, other: str) -> None:
    """Accents, endings and punctuation: a home word must be the whole text."""
    assert normalised(text) != normalised(other)


@given(ANY_TEXT)
def test_normalising_twice_changes_nothing(text: str) -> None:
    """A keyword normalised at load and a text normalised on arrival meet."""
    assert normalised(normalised(text)) == normalised(text)


def test_every_character_is_normalised_once_and_for_all() -> None:
    """No character of Unicode needs a second round."""
    moved = [code for code in range(sys.maxunicode + 1) if normalised(normalised(chr(code))) != normalised(chr(code))]
    assert moved == []


@given(ANY_TEXT)
def test_case_never_matters(text: str) -> None:
    """As far as Unicode itself folds it."""
    assert normalised(unicodedata.normalize("NFKC", text).casefold()) == normalised(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("?!.", []),
        ("i need a taxi, please!", ["i", "need", "a", "taxi", "please"]),
        ("l'avion moto-taxi", ["l", "avion", "moto", "taxi"]),
        ("trip_42 ins_trip__1", ["trip_42", "ins_trip__1"]),
        ("_taxi_ *taxi* ~taxi~ __", ["taxi", "taxi", "taxi"]),
        ("a@b.com 12:30", ["a", "b", "com", "12", "30"]),
        ("أريد سيارة أجرة، من فضلك", ["أريد", "سيارة", "أجرة", "من", "فضلك"]),
        ("मुझे टैक्सी चाहिए", ["मुझे", "टैक्सी", "चाहिए"]),
        ("taxi🚕now", ["taxi", "🚕", "now"]),
        ("👍🏽", ["👍"]),
        ("我要打车", ["我", "要", "打", "车"]),
        ("タクシーtaxi", ["タ", "ク", "シ", "ー", "taxi"]),
        ("택시 불러줘", ["택시", "불러줘"]),
    ],
)
def test_what_a_word_is(text: str, expected: list[str]) -> None:
    """A run of letters, digits and marks; a character by itself where the script has no spaces, and each symbol."""
    assert words(normalised(text)) == [normalised(word) for word in expected]


@given(ANY_TEXT)
def test_words_hold_no_separator(text: str) -> None:
    """Whatever the text, its words have no spaces, and split into themselves."""
    for word in words(normalised(text)):
        assert words(word) == [word]


def test_what_is_remembered_of_characters_is_bounded() -> None:
    """Memory stays flat whatever characters people send, and those beyond the bound are told apart as well."""
    for start in range(0x20, 0x30000, 0x1000):
        words("".join(map(chr, range(start, start + 0x1000))))
    assert len(matching._SEPARATED) <= matching._REMEMBERED
    assert words("\U0002a6d0\U0002a6d1") == ["\U0002a6d0", "\U0002a6d1"]


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("i need a taxi", 0),
        ("i need insurance", 1),
        ("a moto taxi", 0),
        ("a moto, a taxi", 0),
        ("moto only", None),
        ("taxis", None),
        ("taxi and insurance", 0),
        ("insurance policy for my taxi", 1),
        ("insurance insurance insurance taxi", 0),
        ("我要打车", 2),
        ("我要车打", None),
        ("i need a 🚕", 2),
        ("?", None),
        ("", None),
    ],
)
def test_keywords_inside_a_text(text: str, route: int | None) -> None:
    """Whole words only, words of a phrase one after the other; most different keywords, then the lowest number."""
    keywords = [("taxi", 0), ("moto taxi", 0), ("insurance", 1), ("policy", 1), ("打车", 2), ("🚕", 2), ("?", 2)]
    assert Phrases(keywords).most_matched(text) == route


def test_a_keyword_of_two_routes_counts_for_both() -> None:
    """The settings refuse it letter for letter; what differs in punctuation alone is decided by priority."""
    phrases = Phrases([("moto-taxi", 1), ("moto taxi", 0), ("fare", 1)])
    assert phrases.most_matched("a moto taxi") == 0
    assert phrases.most_matched("the moto taxi fare") == 1


@given(st.lists(st.lists(WORD, min_size=1, max_size=3), max_size=6), st.lists(WORD, max_size=12))
def test_the_same_keywords_are_found_as_by_looking_for_each(keywords: list[list[str]], text: list[str]) -> None:
    """One pass over the words finds what a search for each keyword at each place finds."""
    spoken = " ".join(text)
    told = [(" ".join(keyword), number % 3) for number, keyword in enumerate(keywords)]
    found = {(" ".join(words(keyword)), owner) for keyword, owner in told if within(words(keyword), words(spoken))}
    counts = {owner: sum(1 for _, other in found if other == owner) for _, owner in found}
    best = min(counts, key=lambda owner: (-counts[owner], owner)) if counts else None
    assert Phrases(told).most_matched(spoken) == best


def within(phrase: list[str], text: list[str]) -> bool:
    return any(text[at : at + len(phrase)] == phrase for at in range(len(text)))
