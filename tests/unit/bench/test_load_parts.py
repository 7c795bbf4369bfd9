"""What the load sends, and how both of its ends read HTTP."""

import json

import pytest
from tests.bench.answers import Answer, Answers
from tests.bench.framing import complete
from tests.bench.machine import Cores
from tests.bench.notifications import Notifications, number_of
from tests.support.config import APP_SECRET

from webhookcore.notification.event import Kind
from webhookcore.notification.parse import parse_notification
from webhookcore.notification.split import split
from webhookcore.signature import verify


def test_a_request_is_a_signed_notification_of_its_own() -> None:
    """Each number makes another message of another sender, signed and complete."""
    notifications = Notifications()
    seen = set()
    for number in range(8):
        request = notifications.request(number)
        head, _, body = request.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        assert verify(body, fields["X-Hub-Signature-256"], [APP_SECRET.encode()])
        assert complete(request)
        assert not complete(request[:-1])
        [event] = split(parse_notification(body), body)
        assert event.kind is Kind.MESSAGE
        assert event.idempotency_key == notifications.id(number)
        seen.add((event.dedupe_key, event.sender))
    assert len(seen) == 8


def test_a_delivery_tells_its_number() -> None:
    """The number comes back in the Idempotency-Key that the service receives."""
    notifications = Notifications()
    delivery = f"POST /webhook HTTP/1.1\r\nIdempotency-Key: {notifications.id(1234)}\r\n\r\n".encode()
    assert number_of(delivery) == 1234


def test_a_batch_is_so_many_events() -> None:
    """Messages with numbers that follow each other, and statuses."""
    notifications = Notifications()
    body = notifications.batch_request(3, 5, 7).partition(b"\r\n\r\n")[2]
    events = split(json.loads(body), body)
    assert [event.kind for event in events] == [Kind.MESSAGE] * 5 + [Kind.STATUS] * 7
    assert [event.message_id for event in events[:5]] == [notifications.id(number) for number in range(15, 20)]


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
    ],
)
def test_where_a_message_ends(data: bytes, whole: bool) -> None:
    """Its header's end and its Content-Length, however that is spelt."""
    assert complete(data) is whole


def test_answers_are_counted_by_status_and_time() -> None:
    """Rates count when an answer came, latencies from when its request was due."""
    answers = Answers([Answer(0, 200, 0.0, 0.5), Answer(1, 200, 1.0, 1.2), Answer(2, 503, 1.0, 1.1)])
    assert answers.rate(200, 0.0, 1.0) == 1.0
    assert answers.rate(200, 0.0, 2.0) == 1.0
    assert [answer.number for answer in answers.of(200, since=0.5)] == [1]
    assert answers.of(503)[0].milliseconds == pytest.approx(100)


def test_anything_else_than_what_was_expected_is_no_figure() -> None:
    """Another status, a missing answer, or none at all."""
    good = [Answer(0, 200, 0.0, 0.5)]
    Answers(good).check(200)
    for bad in (Answers([*good, Answer(1, 500, 0.0, 0.1)]), Answers(good, unanswered=1), Answers()):
        with pytest.raises(RuntimeError, match="answers by status"):
            bad.check(200)


def test_the_server_has_a_core_to_itself_where_there_are_two() -> None:
    """With one core, all share it."""
    assert Cores.of(frozenset({0, 1, 2})) == Cores(frozenset({0}), frozenset({1, 2}))
    assert Cores.of(frozenset({3})) == Cores(frozenset({3}), frozenset({3}))
