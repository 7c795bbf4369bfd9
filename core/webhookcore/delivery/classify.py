"""What an answer means: a status becomes an outcome, or a reason to try again within the request."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, FailureCode, Outcome


@dataclass(frozen=True, slots=True)
class TryAgain:
    """One HTTP try that failed in a way that another may not. The last one of a delivery becomes a Failed."""

    code: FailureCode
    detail: str
    """As Failed.detail."""
    status: int | None = None
    retry_after_seconds: float | None = None
    maybe_processed: bool = False
    """Whether the service may have acted on the request: it was sent, and nothing came back that denies it."""


_GATEWAY_TIMEOUT: Final = 504
_PASSING: Final = {408: FailureCode.TIMEOUT, 429: FailureCode.THROTTLED}
"""The only 4xx that may be another answer a moment later."""
_LASTING: Final = {
    3: (FailureCode.REDIRECT, ": redirects are not followed"),
    4: (FailureCode.CLIENT_ERROR, ""),
}


def classify(
    status: int, never: AbstractSet[int] = frozenset(), retry_after_seconds: float | None = None
) -> Delivered | Failed | Abandoned | TryAgain:
    """What a status means. `never` holds the route's codes after which nothing is ever tried again."""
    if 200 <= status < 300:  # noqa: PLR2004 - the classes of RFC 9110
        return Delivered(status)
    if status in never:
        return Abandoned(FailureCode.NEVER_RETRY, f"answered {status}, after which the route never tries again", status)
    if status in _PASSING or 500 <= status < 600:  # noqa: PLR2004 - as above
        # A gateway's timeout says that the service behind it did not answer in time, not that it did nothing.
        unknown = status == _GATEWAY_TIMEOUT
        code = _PASSING.get(status, FailureCode.SERVER_ERROR)
        return TryAgain(code, f"answered {status}", status, retry_after_seconds, maybe_processed=unknown)
    code, why = _LASTING.get(status // 100, (FailureCode.PROTOCOL, ", which HTTP does not know"))
    return Failed(code, f"answered {status}{why}", status, retry_after_seconds)


def give_up(last: TryAgain) -> Failed:
    """The outcome of a delivery whose last try ended so."""
    return Failed(last.code, last.detail, last.status, last.retry_after_seconds)


_NOT_THE_SERVICES: Final = frozenset({FailureCode.REFUSED_TARGET, FailureCode.ROUTE_GONE, FailureCode.EXPIRED})


def counts_against_service(outcome: Outcome) -> bool:
    """Whether the outcome of a delivery that was sent is a failure of the service, for its circuit breaker.

    A 4xx other than 408 and 429 is not: the service is there, and says what is wrong with the request.
    """
    if not isinstance(outcome, Failed | Abandoned) or outcome.code in _NOT_THE_SERVICES:
        return False
    status = outcome.status
    return status is None or not 400 <= status < 500 or status in _PASSING  # noqa: PLR2004 - as above
