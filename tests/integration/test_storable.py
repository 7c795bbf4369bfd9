"""Postgres takes every event's body as jsonb, or its stand-in, whatever a well-signed notification holds."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import meta

from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.notification.storable import storable_json

ESCAPES = st.sampled_from(
    [
        r"\u0000",
        r"\ud83d",
        r"\ude00",
        r"\ud83d\ude00",
        r"\\",
        r"\"",
        r"\u0041",
        r"\uFFFF",
        "u0000",
        "é",
        "😀",
        "1e999999",
    ]
)
STRING = st.lists(ESCAPES, max_size=6).map(lambda parts: '"' + "".join(parts) + '"')
EXPONENTS = st.integers(-500, 500) | st.integers(-140_000, 140_000) | st.integers()
FLOATS = st.tuples(st.integers(), st.integers(0), EXPONENTS).map(lambda n: f"{n[0]}.{n[1]}e{n[2]}")
DIGITS = st.integers(1, 5000).map(lambda count: "9" * count) | st.integers(1, 5000).map(lambda n: "0." + "3" * n)
NUMBER = FLOATS | DIGITS | st.integers().map(str) | st.sampled_from(["0e999999", "-0", "1E400", "0.10"])
VALUE = st.recursive(
    NUMBER | STRING | st.sampled_from(["null", "true"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(STRING, inner), max_size=4).map(
            lambda items: "{" + ",".join(f"{key}:{item}" for key, item in items) + "}"
        )
        | st.tuples(st.integers(1, 700), inner).map(lambda nested: "[" * nested[0] + nested[1] + "]" * nested[0])
    ),
    max_leaves=6,
)


@pytest.fixture
def connection(empty_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def as_jsonb(connection: psycopg.Connection[Any], text: str) -> Any:
    row = connection.execute("SELECT %s::jsonb", (text,)).fetchone()
    assert row is not None
    return row[0]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(VALUE, min_size=1, max_size=3))
def test_postgres_takes_whatever_is_accepted(connection: psycopg.Connection[Any], values: list[str]) -> None:
    """Each event of any notification, whole or cut out, is a jsonb that Postgres takes."""
    items = ",".join(f'{{"id":"{number}","odd":{value}}}' for number, value in enumerate(values))
    body = f'{{"entry":[{{"id":"1","changes":[{{"field":"messages","value":{{"messages":[{items}]}}}}]}}]}}'.encode()
    try:
        notification = parse_notification(body)
    except ValueError as refused:
        assert "deeper" in str(refused)  # noqa: PT017 - most bodies are not refused, and no other reason is allowed
        return
    for event in split(notification, body):
        as_jsonb(connection, storable_json(event.body))


@pytest.mark.parametrize(
    "refused", [r'"\u0000"', r'{"\u0000":1}', r'"\ud800"', r'"\ude00\ud83d"', "1e999999", "1e-16384", "9" * 131_073]
)
def test_what_is_stood_in_for_is_what_postgres_refuses(connection: psycopg.Connection[Any], refused: str) -> None:
    """The stand-in is stored where the body itself fails, and only there."""
    body = f'{{"a":{refused}}}'
    with pytest.raises(psycopg.DataError):
        as_jsonb(connection, body)
    assert as_jsonb(connection, storable_json(body.encode()))["$webhookcore"] == "not storable as jsonb"


def test_an_ordinary_body_is_stored_as_itself(connection: psycopg.Connection[Any]) -> None:
    """A person on call reads the message in the payload, emoji included."""
    body = meta.body(meta.text("🚕 to the airport, por favor"))
    assert as_jsonb(connection, storable_json(body)) == json.loads(body)
