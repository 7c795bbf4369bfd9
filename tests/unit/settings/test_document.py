"""YAML is read as plain data, within bounds; what is wrong names its line."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.settings import SettingsError
from webhookcore.settings.document import MAX_CHARACTERS, read_document
from webhookcore.settings.yaml_reader import MAX_DEPTH, MAX_VALUES


def _read(text: str) -> object:
    document = read_document(text, "f.yaml")
    assert document.findings == ()
    return document.data


def _refused(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_document(text, "f.yaml")
    (problem,) = caught.value.problems
    return str(problem)


def _read_or_refused(text: str) -> None:
    try:
        read_document(text, "f.yaml")
    except SettingsError as error:
        str(error)


def _findings(text: str) -> list[str]:
    document = read_document(text, "f.yaml")
    return [str(document.problem(finding)) for finding in document.findings]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("abc", "abc"),
        ("'1'", "1"),
        ("! 1", "1"),
        ("12", 12),
        ("-0x1F", -31),
        ("1.5", 1.5),
        ("true", True),
        ("no", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("=", "="),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("|\n two\n lines\n", "two\nlines\n"),
        ("!!map {b: 1}", {"b": 1}),
        ("!!seq [b]", ["b"]),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes(scalar: str, value: object) -> None:
    """Text, numbers, truth and nothing; a date and a base-60 number are text."""
    assert _read(f"a: {scalar}") == {"a": value}


# No control characters: YAML takes them only escaped, and its writer does not always.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ09-", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcXYZ", min_size=1), json_values, max_size=4))
def test_reads_what_was_written(data: dict[str, object]) -> None:
    """What a YAML writer and a JSON writer write is read as the same data."""
    assert _read(yaml.safe_dump(data, allow_unicode=True)) == data
    assert _read(json.dumps(data)) == data


def test_json_escapes() -> None:
    """JSON's two escapes for one character are that character; an escaped backslash stays one."""
    assert _read(r'{"a": "\ud83d\ude97 \u00e9 \\ud83d\\ude97"}') == {"a": "🚗 é " + r"\ud83d\ude97"}
    assert _read(r"a: \ud83d\ude97") == {"a": r"\ud83d\ude97"}


def test_lines_of_fields() -> None:
    """Each key and item has its line; a place inside an alias or unknown has that of what it stands in."""
    document = read_document("a:\n  b: 1\n  c:\n  - x\n  - y\nd: {e: 1}\n", "f.yaml")
    assert document.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("d",): 6,
        ("d", "e"): 6,
    }
    assert document.where(("a", "c", 1, "z", "z")) == "f.yaml:5"
    assert document.where(("z",)) == "f.yaml:1"


def test_aliases_stand_for_their_anchor() -> None:
    """Anchors and aliases work, for scalars, lists and mappings."""
    assert _read("a: &x [1, &y {b: c}]\nd: *x\ne: *y\nf: &z g\nh: *z\n") == {
        "a": [1, {"b": "c"}],
        "d": [1, {"b": "c"}],
        "e": {"b": "c"},
        "f": "g",
        "h": "g",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.yaml: found nothing; must hold a WebhookCoreConfig"),
        ("# nothing but a comment\n", "f.yaml: found nothing; must hold a WebhookCoreConfig"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: found a second document; must be one document"),
        ("a: *x\n", "f.yaml:1:4: found the alias *x; must follow the anchor that it names"),
        ("a: &x [*x]\n", "f.yaml:1:8: found the alias *x; must follow the anchor that it names"),
        ("a: 1\n? [b]\n: 2\n", "f.yaml:2:3: found a key that is no text; must be text"),
        ("a: !thing {b: 1}\n", "f.yaml:1:4: found the tag !thing; must have no tag"),
        ("a: !!python/tuple [1]\n", "f.yaml:1:4: found the tag tag:yaml.org,2002:python/tuple; must have no tag"),
    ],
)
def test_no_document(text: str, problem: str) -> None:
    """What cannot be read at all is refused with its line and column."""
    assert _refused(text) == problem


@pytest.mark.parametrize("text", ["a: [1\n", "a: b: c\n", "a: 'b\n", "a:\n\t- b\n", "a: 1\n b: 2\n", "%x\n", "a: @b\n"])
def test_no_yaml(text: str) -> None:
    """What is no YAML names a line and column, and never the line's text, which may hold a secret."""
    assert _refused(text).startswith("f.yaml:")
    assert _refused(text).partition(": found ")[0].count(":") == 2
    assert _refused(text).endswith("; must be YAML")


def test_characters_that_yaml_does_not_allow() -> None:
    """A control character is refused."""
    assert "a character that YAML does not allow" in _refused("a: b\nc: \x01\n")


def test_bounds() -> None:
    """Size, depth and the number of values are bounded, aliases counted for what they stand for."""
    assert "must be at most" in _refused("#" * (MAX_CHARACTERS + 1))
    assert f"more than {MAX_DEPTH} levels" in _refused("[" * 100_000)
    assert f"more than {MAX_DEPTH} levels" in _refused("{a: " * 100_000)
    assert _read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert f"more than {MAX_VALUES} values" in _refused("[" + "1," * MAX_VALUES + "]")


def test_alias_bombs() -> None:
    """Neither many nor deep: a billion laughs is cut off, and so is a chain of aliases each a level deeper."""
    wide = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    assert f"more than {MAX_VALUES} values" in _refused(wide)
    deep = "a0: &a0 [1]\n" + "".join(f"a{level}: &a{level} {{x: *a{level - 1}}}\n" for level in range(1, 100))
    assert f"more than {MAX_DEPTH} levels" in _refused(deep)


def test_keys() -> None:
    """A key stands once, is text, and is no merge; all of it is told at once, with the line of each."""
    text = "a: 1\nb: {c: 1,\n  c: 2}\na: 3\n1: x\ntrue: y\n<<: {z: 1}\n'<<': quoted\n"
    assert _findings(text) == [
        "f.yaml:3: b.c: found a second c (the first is on line 2); must be given once",
        "f.yaml:4: a: found a second a (the first is on line 1); must be given once",
        'f.yaml:5: ["1"]: found the key 1, which is no text; must be in quotes',
        "f.yaml:6: true: found the key true, which is no text; must be in quotes",
        'f.yaml:8: ["<<"]: found a merge (<<); must be written out',
        'f.yaml:8: ["<<"]: found a second << (the first is on line 7); must be given once',
    ]


NO_VALUES = [".inf", "-.INF", ".nan", "!!int x", "!!int ''", "!!bool maybe", "!!float x", "9" * 5000]


@pytest.mark.parametrize("scalar", NO_VALUES)
def test_no_value(scalar: str) -> None:
    """What JSON could not say is refused, with its field."""
    (finding,) = _findings(f"a:\n- {scalar}\n")
    assert finding.startswith("f.yaml:2: a[0]: found ")


def test_a_tagged_scalar() -> None:
    """No tag makes an object."""
    (finding,) = _findings("a: !!python/object:os.system x\n")
    assert finding.startswith("f.yaml:1: a: found the tag ")
    (finding,) = _findings("!!binary a: x\n")
    assert finding.startswith("f.yaml:1: a: found the key a, which is no text")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes anything else happen."""
    _read_or_refused(text)


@given(st.text("[]{}:,-&*ab!<>|?'\"#\n \t%", max_size=120))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    """The same, with the characters that mean something."""
    _read_or_refused(text)
