"""The words between dlq-processor and router: what is encoded is decoded, and nothing else passes."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome, Parked
from webhookcore.redelivery import Answer, DecodeError, Redelivery, decode, decode_outcome, encode, encode_outcome

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DETAIL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=500)
TIME = st.datetimes(timezones=st.just(UTC))
STATUS = st.none() | st.integers(100, 599)
CODE = st.sampled_from(FailureCode)
OUTCOME = st.one_of(
    st.builds(Delivered, st.integers(200, 299)),
    st.builds(Failed, CODE, DETAIL, STATUS, st.none() | st.floats(0, 3600)),
    st.builds(Abandoned, CODE, DETAIL, STATUS),
    st.builds(Parked, st.sampled_from(["paused", "breaker_open"]), TIME),
)
REDELIVERY = st.builds(
    Redelivery,
    id=st.uuids(),
    route=TEXT,
    reason=TEXT,
    menu_selection=st.none() | TEXT,
    sender=TEXT,
    message_id=st.none() | TEXT,
    idempotency_key=TEXT,
    attempt=st.integers(1, 2**31 - 1),
    retry=st.integers(1, 2**31 - 1),
    received_at=TIME,
    correlation_id=TEXT,
    request_id=TEXT,
    traceparent=st.none() | TEXT,
    body=st.binary(),
    taken_over=st.booleans(),
)
ONE = Redelivery(
    id=UUID(int=1),
    route="wa-webhook-mobility",
    reason="keyword",
    menu_selection=None,
    sender="491701234567",
    message_id="wamid.1",
    idempotency_key="wamid.1",
    attempt=2,
    retry=1,
    received_at=datetime(2025, 11, 24, 19, tzinfo=UTC),
    correlation_id="c",
    request_id="r",
    traceparent=None,
    body=b'{"a":"\\u0000"}\n',
)


def line(**changes: object) -> bytes:
    """ONE with other metadata; a value of ... leaves the name out."""
    head, _, body = encode(ONE).partition(b"\n")
    fields = {name: value for name, value in (json.loads(head) | changes).items() if value is not ...}
    return json.dumps(fields).encode() + b"\n" + body


@given(REDELIVERY)
def test_a_redelivery_arrives_as_it_was_sent(redelivery: Redelivery) -> None:
    """Every field and every byte of the body survives, newlines and NULs in the body included."""
    assert decode(encode(redelivery)) == redelivery


@given(OUTCOME, TEXT, st.integers(0, 100))
def test_an_answer_arrives_as_it_was_sent(outcome: Outcome, route: str, attempts: int) -> None:
    """Each outcome, with all that the processor settles by."""
    answer = Answer(outcome, route, attempts)
    assert decode_outcome(encode_outcome(answer)) == answer


@given(st.binary())
def test_garbage_is_no_answer_and_no_redelivery(data: bytes) -> None:
    """Whatever arrives, the reader raises DecodeError or nothing else."""
    for read in (decode, decode_outcome):
        with pytest.raises(DecodeError):
            read(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"takenOver": "yes"}, "takenOver is no bool"),
        ({"id": ...}, "id is missing"),
        ({"id": "1"}, "id is no UUID"),
        ({"route": None}, "route is missing"),
        ({"route": 1}, "route is no str"),
        ({"menuSelection": 1}, "menuSelection is no str"),
        ({"attempt": 0}, "attempt is out of range"),
        ({"attempt": True}, "attempt is no int"),
        ({"attempt": 1.0}, "attempt is no int"),
        ({"retry": 2**31}, "retry is out of range"),
        ({"receivedAt": "yesterday"}, "receivedAt is no time"),
        ({"receivedAt": "2025-11-24T19:00:00"}, "receivedAt has no time zone"),
    ],
)
def test_a_redelivery_that_lacks_something_is_refused(changes: dict[str, object], message: str) -> None:
    """The reason names the field and quotes no value."""
    with pytest.raises(DecodeError, match=message):
        decode(line(**changes))


def test_a_newer_processor_may_say_more() -> None:
    """A name that this release does not know is ignored: an upgrade rolls without a pause in redelivery."""
    assert decode(line(shade="blue")) == ONE


def test_times_keep_their_offset() -> None:
    """Any zone is understood."""
    at = datetime(2025, 11, 24, 21, tzinfo=timezone(timedelta(hours=2)))
    assert decode(line(receivedAt=at.isoformat())).received_at == at


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"delivered"',
        b"{}",
        b'{"outcome":"delivered"}',
        b'{"outcome":"delivered","status":200,"route":"r"}',
        b'{"outcome":"delivered","status":"200","route":"r","attempts":2}',
        b'{"outcome":"delivered","status":true,"route":"r","attempts":2}',
        b'{"outcome":"delivered","status":199,"route":"r","attempts":2}',
        b'{"outcome":"delivered","status":200,"route":"r","attempts":-1}',
        b'{"outcome":"delivered","status":200,"route":1,"attempts":2}',
        b'{"outcome":"eaten","status":200,"route":"r","attempts":2}',
        b'{"outcome":"failed","route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Odd","detail":"","route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","detail":"","status":"x","route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","detail":"","retryAfterSeconds":NaN,"route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","detail":"","retryAfterSeconds":-1,"route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","detail":"","retryAfterSeconds":true,"route":"r","attempts":2}',
        b'{"outcome":"failed","code":"Timeout","detail":"","retryAfterSeconds":1e309,"route":"r","attempts":2}',
        b'{"outcome":"parked","detail":"paused","until":"soon","route":"r","attempts":2}',
        b'{"outcome":"parked","detail":"paused","until":5,"route":"r","attempts":2}',
        b"<html><body>502 Bad Gateway</body></html>",
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_is_refused(data: bytes) -> None:
    """What a proxy, another service or a broken router answers never passes for an outcome."""
    with pytest.raises(DecodeError):
        decode_outcome(data)


def test_a_detail_is_made_fit_to_be_stored() -> None:
    """NUL and lone surrogates go, the length is bounded: one answer must not fail those it settles with."""
    data = (
        b'{"outcome":"failed","code":"Protocol","detail":"a\\u0000b\\ud800'
        + b"x" * 9000
        + b'","route":"r","attempts":1}'
    )
    outcome = decode_outcome(data).outcome
    assert isinstance(outcome, Failed)
    assert outcome.detail.startswith("a\ufffdb?x")
    assert len(outcome.detail) == 500
