"""The jsonb parameter of an event: its own text, or a stand-in that says why not. test_storable.py of the integration
tests asks Postgres itself.
"""

import hashlib
import json

import pytest
from tests.support import meta

from webhookcore.notification.storable import MAX_DEPTH, storable_json


def value(text: str) -> bytes:
    return f'{{"a": {text}}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        meta.body(meta.text("I need a taxi")),
        meta.body(meta.text("schöne Grüße, 你好, 😀", id="wamid.9E123456")),
        meta.body(meta.location()),
        '{"a": "schöne Grüße, 你好, 😀"}'.encode(),
        value(r'"\ud83d\ude00 \uD83D\uDE00 \udbff\udfff \u00e9 \u0001 \uffff"'),
        value(r'"\\u0000 \\ud800 \\\\u0000"'),
        value(r'"\\\ud83d\ude00"'),
        value(r'"1e999999 00000"'),
        value("1e400"),
        value("-1.5E-400"),
        value("9" * 4300),
        value("0." + "1" * 4298),
        value("[" + "1.5," * 5000 + "0]"),
        value("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)),
        value('"' + "[" * 5000 + '"'),
        value("[" + "[]," * 5000 + "[]]"),
    ],
)
def test_what_postgres_takes_is_stored_as_it_is(body: bytes) -> None:
    """Emoji, accents and long bodies are ordinary, and so is a text that only looks like a number or an escape."""
    assert storable_json(body) == body.decode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (value(r'"\u0000"'), "a null character"),
        (b'{"\\u0000": 1}', "a null character"),
        (value(r'"\\\u0000"'), "a null character"),
        (value(r'"\ud800"'), "a lone surrogate"),
        (value(r'"\uDFFF"'), "a lone surrogate"),
        (value(r'"\ud83d\ud83d\ude00"'), "a lone surrogate"),
        (value(r'"\ud83d\\ude00"'), "a lone surrogate"),
        (value(r'"\ud83d \ude00"'), "a lone surrogate"),
        (value(r'"\ud83d\u0041"'), "a lone surrogate"),
        (b'{"\\ude00": 1}', "a lone surrogate"),
        (value("1e999999"), "a number out of range"),
        (value("-1E+401"), "a number out of range"),
        (value("1e-401"), "a number out of range"),
        (value("1e" + "9" * 5000), "a number out of range"),
        (value("0." + "1" * 4299), "a number out of range"),
        (value("9" * 4301), "a number out of range"),
        (value("[" * MAX_DEPTH + "]" * MAX_DEPTH), "nested too deeply"),
        (value('{"a":' * 5000 + "1" + "}" * 5000), "nested too deeply"),
    ],
)
def test_what_cannot_be_stored_or_read_is_stood_in_for(body: bytes, reason: str) -> None:
    """Marked, and with enough to recognise the bytes by, which are kept elsewhere."""
    assert json.loads(storable_json(body)) == {
        "$webhookcore": "not storable as jsonb",
        "reason": reason,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
