"""JSON whose numbers keep their meaning to the last digit on the way through Python, and back out again."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

_LONGEST_PLAIN_INT: Final = 18
"""Digits of an int that Python always takes: int() is quadratic, and refuses more than 4,300 digits."""


@dataclass(slots=True)
class Number:
    """A number that Python would write differently (1.10, 1E5, -0, 1e999999, 5,000 digits): its own text."""

    text: str


def _exact_float(text: str) -> float | Number:
    value = float(text)
    return value if repr(value) == text else Number(text)


def _exact_int(text: str) -> int | Number:
    return int(text) if len(text) <= _LONGEST_PLAIN_INT and text != "-0" else Number(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder: Final = json.JSONDecoder(parse_float=_exact_float, parse_int=_exact_int, parse_constant=_refuse_constant)


def loads(text: str) -> Any:
    """Raises ValueError for what is no JSON (NaN and Infinity among it), RecursionError for what nests too deeply."""
    return _decoder.decode(text)


def _mark(value: object) -> list[object]:
    if isinstance(value, Number):
        return [float("inf"), value.text]
    raise TypeError(f"{type(value).__name__} is no JSON")


# json can only write a Number as something else, so it is written as [Infinity,"1.10"] and unwrapped afterwards. No
# parsed value can write that: a bare Infinity is no JSON, and inside a string the quotes would be escaped.
_MARKED: Final = re.compile(r'\[Infinity,"([^"]*)"\]')
_writer: Final = json.JSONEncoder(default=_mark, separators=(",", ":"))
_canonical_writer: Final = json.JSONEncoder(default=_mark, separators=(",", ":"), sort_keys=True)


def dumps(value: Any) -> str:
    """Compact ASCII JSON, escaped as Meta escapes it; lone surrogates survive."""
    return _unmarked(_writer.encode(value))


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, in whatever order its keys came."""
    return _unmarked(_canonical_writer.encode(value)).encode("ascii")


def _unmarked(text: str) -> str:
    return _MARKED.sub(r"\1", text) if "[Infinity," in text else text
