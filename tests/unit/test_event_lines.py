"""The lines that the event log writes."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from webhookcore.events import EventLog, EventName, Pseudonyms

AT = datetime(2025, 11, 24, 19, 0, 0, 123_000, UTC)
PSEUDONYMS = Pseudonyms(b"an internal secret")

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(EventName),
    st.dictionaries(st.text(), st.integers()),
)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@given(value=values, correlation_id=st.text(), request_id=st.text())
def test_a_line_is_json_of_what_was_told(value: object, correlation_id: str, request_id: str) -> None:
    """Whatever a field holds, the line reads back as it, in one line."""
    out = io.StringIO()
    log = EventLog(PSEUDONYMS, out)
    log.emit(EventName.CORE_DELIVERED, correlation_id=correlation_id, request_id=request_id, at=AT, value=value)
    assert lines(out) == [
        {
            "event": "CORE_DELIVERED",
            "timestamp": "2025-11-24T19:00:00.123+00:00",
            "correlationId": correlation_id,
            "requestId": request_id,
            "value": value,
        }
    ]
    assert out.getvalue().count("\n") == 1


def test_numbers_and_ids_are_pseudonyms() -> None:
    """The same number always stands for the same person, and no line shows it; who has none stays nobody."""
    out = io.StringIO()
    log = EventLog(PSEUDONYMS, out)
    for sender in ("491701234567", "491701234567", "491709999999", ""):
        log.emit(EventName.CORE_DELIVERED, sender=sender, message_id="wamid.HBgLNDkxNzAxMjM0NTY3", at=AT)
    first, second, other, nobody = [line["sender"] for line in lines(out)]
    assert first == second
    assert len({first, other}) == 2
    assert nobody is None
    assert "4917" not in out.getvalue()
    assert "wamid" not in out.getvalue()
    assert Pseudonyms(b"another secret").of("491701234567") != first


def test_each_line_has_its_own_time() -> None:
    """Lines of one moment share it; a later one has a later time."""
    out = io.StringIO()
    log = EventLog(PSEUDONYMS, out)
    later = AT.replace(second=1)
    for at in (AT, AT, later, AT):
        log.emit(EventName.CORE_DELIVERED, at=at)
    times = [line["timestamp"] for line in lines(out)]
    assert times == [at.isoformat(timespec="milliseconds") for at in (AT, AT, later, AT)]


def test_a_buffered_log_writes_when_told() -> None:
    """Nothing is written before `flush`, everything once after it."""
    out = io.StringIO()
    log = EventLog(PSEUDONYMS, out, buffered=True)
    log.emit(EventName.CORE_DELIVERED, at=AT)
    log.emit(EventName.CORE_DEAD_LETTERED, at=AT)
    assert out.getvalue() == ""
    log.flush()
    log.flush()
    assert [line["event"] for line in lines(out)] == ["CORE_DELIVERED", "CORE_DEAD_LETTERED"]
