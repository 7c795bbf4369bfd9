"""The ids that a request brings, or gets."""

from uuid import UUID

import pytest

from webhookcore import headers
from webhookcore_router.correlation import correlate

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_is_sane_is_kept() -> None:
    """The caller's ids are used as they are."""
    given = {headers.REQUEST_ID: "req-1", headers.CORRELATION_ID: "order:7/a", headers.TRACEPARENT: TRACE}
    known = correlate(given)
    assert (known.request_id, known.correlation_id, known.traceparent) == ("req-1", "order:7/a", TRACE)


@pytest.mark.parametrize("odd", ["", " ", "a b", "x" * 129, "a\r\nb", "é"])
def test_what_is_not_sane_is_replaced(odd: str) -> None:
    """An id that could not stand in a header or a log gets a new UUID in its place."""
    known = correlate({headers.REQUEST_ID: odd, headers.CORRELATION_ID: odd, headers.TRACEPARENT: odd})
    assert str(UUID(known.request_id)) == known.request_id
    assert known.correlation_id == known.request_id


def test_new_ids_are_well_formed_and_new() -> None:
    """A new request id is a UUID of version 4; a new trace is W3C's, with no id of zeros; none comes twice."""
    made = [correlate({}) for _ in range(1000)]
    assert {UUID(known.request_id).version for known in made} == {4}
    assert {UUID(known.request_id).variant for known in made} == {UUID(int=1, version=4).variant}
    assert [correlate({headers.TRACEPARENT: known.traceparent}).traceparent for known in made] == [
        known.traceparent for known in made
    ]
    assert len({known.request_id for known in made}) == len({known.traceparent for known in made}) == 1000
