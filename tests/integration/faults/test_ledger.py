"""The checker of the fault tests finds what it is there to find."""

from collections.abc import Callable

import pytest
from tests.support.ledger import Sent, WatchedService, check
from tests.support.services import Received


def came(key: str, attempt: int = 1, body: bytes = b"{}") -> Received:
    return Received("POST", "/webhook", {"idempotency-key": key, "x-wa-attempt": str(attempt)}, body, 0.0)


def service(*requests: Received) -> WatchedService:
    made = WatchedService()
    made.requests.extend(requests)
    made.good.update(request.key for request in requests)
    return made


SENT = [Sent("a", "1", [503, 200]), Sent("b", "1", [200]), Sent("c", "2", [503])]


def test_what_is_right_passes(database_url: str) -> None:
    """Once each, in order; a repeat that says so where repeats are allowed; what was refused may be missing."""
    check(SENT, {"rides": service(came("a"), came("b"))}, database_url)
    check(SENT, {"rides": service(came("a"), came("b"), came("a", 2), came("c"))}, database_url, most_repeats=1)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: {"rides": service(came("a"))}, "lost"),
        (lambda: {"rides": service(came("b"), came("a"))}, "after a later one"),
        (lambda: {"rides": service(came("a"), came("a"), came("b"))}, "without saying so"),
        (lambda: {"rides": service(came("a", 2), came("a"), came("b"))}, "without saying so"),
        (lambda: {"rides": service(came("a"), came("a", 2), came("a", 3), came("b"))}, "3 times"),
        (lambda: {"rides": service(came("a"), came("b"), came("d"))}, "never sent"),
        (lambda: {"rides": service(came("a"), came("b")), "jobs": service(came("a", 2))}, "several services"),
        (lambda: {"rides": service(came("a"), came("a", 2, b"[]"), came("b"))}, "another body"),
        (lambda: {"rides": service(came("a", 0), came("b"))}, "no attempt"),
    ],
)
def test_what_is_wrong_is_found(database_url: str, make: Callable[[], dict[str, WatchedService]], problem: str) -> None:
    """A loss, a silent repeat, too many of them, a wrong order, an invention, a second service, another body."""
    with pytest.raises(AssertionError, match=problem):
        check(SENT, make(), database_url, most_repeats=1)
