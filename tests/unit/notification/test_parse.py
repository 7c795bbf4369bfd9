"""What is a notification: any JSON object, however odd, and nothing else."""

import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webhookcore.notification.exact_json import Number, canonical, dumps, loads
from webhookcore.notification.parse import MAX_DEPTH, NotANotification, nests_deeper, parse_notification

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,8})?", fullmatch=True)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=[])) | NUMBERS.map(Number)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{'a': 1}",
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": "\x00"}',
        b'{"a": "\n"}',
        b'{"a": "\\x"}',
        b'{"a": "\\u12"}',
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xc0\x80"}',
        b"[]",
        b'[{"entry": []}]',
        b'"text"',
        b"1",
        b"null",
        b"true",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Neither half JSON, nor another encoding, nor JavaScript's constants, nor a list or scalar at the top."""
    with pytest.raises(NotANotification):
        parse_notification(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' \t\r\n{"a": 1}\n',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": 1e999999}',
        b'{"a": -1E+999999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1.10, "b": -0, "c": 12345678901234567890.123}',
        '{"a": "schöne Grüße, 你好, 😀"}'.encode(),
        b'{"a": "\\/"}',
        b'{"a": 1, "a": 2}',
    ],
)
def test_an_odd_json_object_is_a_notification(body: bytes) -> None:
    """Nothing in a well-signed object is refused because Postgres or Python would rather not see it."""
    assert isinstance(parse_notification(body), dict)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 999, 10_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_past_the_limit_is_refused(depth: int, opening: bytes, closing: bytes) -> None:
    """The same limit in every Python version, and no crash however deep."""
    levels = depth - 1
    body = b'{"a":' + opening * levels + b"1" + closing * levels + b"}"
    with pytest.raises(NotANotification):
        parse_notification(body)
    with pytest.raises(NotANotification):
        parse_notification(b'{"a":' + opening * levels)


def test_nesting_up_to_the_limit_is_a_notification() -> None:
    """The deepest body that is accepted can be written again too."""
    body = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert dumps(parse_notification(body)).encode() == body


def test_brackets_that_do_not_nest_are_counted_as_what_they_are() -> None:
    """Many lists beside each other, and brackets inside texts, are not deep."""
    assert len(parse_notification(b'{"a": [' + b"[]," * 5000 + b"[]]}")["a"]) == 5001
    assert parse_notification(b'{"a": "' + b"[" * 5000 + b'"}') == {"a": "[" * 5000}


def test_a_caller_deep_in_the_stack_gets_a_refusal_and_no_crash() -> None:
    """Where the stack has less room than the limit needs, the body counts as too deep."""

    def parse_below(frames: int) -> None:
        if frames:
            parse_below(frames - 1)
        else:
            parse_notification(b'{"a":' + b"[" * 700 + b"]" * 700 + b"}")

    if sys.version_info >= (3, 12):
        pytest.skip("the parser counts its own levels, apart from Python's stack")
    with pytest.raises(NotANotification, match="deeper"):
        parse_below(sys.getrecursionlimit() - 300)


@given(st.binary() | st.text().map(str.encode) | st.from_regex(rb"\{.{0,40}\}", fullmatch=True))
def test_any_bytes_are_a_notification_or_refused(body: bytes) -> None:
    """Whatever is sent, there is no other error, and Python's own parser agrees."""
    try:
        expected = json.loads(body.decode(), parse_constant=int)
    except ValueError:
        expected = None
    if isinstance(expected, dict):
        assert parse_notification(body).keys() == expected.keys()
    else:
        with pytest.raises(NotANotification):
            parse_notification(body)


@given(VALUES)
@example({"a": Number("1e999999"), '[Infinity,"1"]': '[Infinity,"1"]'})
@example(['[Infinity,"', Number("1.10"), '"]', "\ud800", "\0"])
def test_what_is_written_reads_as_the_same(value: object) -> None:
    """Numbers to the last digit, lone surrogates and control characters survive, and no text is taken for a number."""
    assert same(loads(dumps(value)), value)
    assert dumps(loads(dumps(value))) == dumps(value)
    assert same(loads(canonical(value).decode()), value)


@given(NUMBERS)
@example("-0")
@example("1.10")
@example("1E5")
@example("1e999999")
@example("9" * 5000)
@example("12345678901234567890.123")
def test_a_number_keeps_its_own_text(number: str) -> None:
    """1.10 stays 1.10: a service may compute its own signature over what it reads."""
    assert dumps(loads(f"[{number}]")) == f"[{number}]"


def test_ordinary_numbers_are_ordinary() -> None:
    """Whoever reads a notification sees numbers where Python can keep them exactly."""
    assert loads("[0, -7, 123456789012345678, 1.5, -0.25]") == [0, -7, 123456789012345678, 1.5, -0.25]


def test_canonical_does_not_depend_on_the_order_of_keys() -> None:
    """Neither at the top nor inside."""
    assert canonical({"a": 1, "b": {"c": 2, "d": 3}}) == canonical({"b": {"d": 3, "c": 2}, "a": 1})
    assert canonical([1, 2]) != canonical([2, 1])


def test_only_json_is_written() -> None:
    """A value that no parser gives is a mistake of ours, and says so."""
    with pytest.raises(TypeError, match="set is no JSON"):
        dumps({"a": {1}})


@pytest.mark.parametrize(
    ("value", "depth"), [(1, 0), ("[[", 0), ([], 1), ({}, 1), ([[], {"a": []}], 3), ([1, {"a": 1}], 2)]
)
def test_depth_is_counted_in_levels(value: object, depth: int) -> None:
    """A value nests deeper than every smaller number, and not deeper than its own."""
    assert not nests_deeper(value, depth)
    assert depth == 0 or nests_deeper(value, depth - 1)


def same(left: object, right: object) -> bool:
    """Equal, where a number that Python keeps exactly counts as its own text."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right or (
        not isinstance(left, str) and not isinstance(right, str) and written(left) == written(right)
    )


def written(value: object) -> str:
    return value.text if isinstance(value, Number) else json.dumps(value)
