"""One HTTP try: posts a request, and says what came back or what went wrong on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pyreqwest.client import Client
from pyreqwest.exceptions import BuilderError, ClientClosedError, DecodeError, DetailedPyreqwestError, PyreqwestError
from pyreqwest.http import Url
from pyreqwest.response import Response

from webhookcore.delivery.classify import TryAgain
from webhookcore.delivery.outcome import Failed, FailureCode

MOST_ANSWER_BYTES: Final = 64 * 1024
"""An answer is read so far, for the sake of its connection, and dropped; with more to come the connection goes too."""

_MOST_REASON: Final = 200
_CONNECTING: Final = "client error (Connect)"
"""The HTTP client's own mark of an error from before anything was sent."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is posted."""

    url: Url
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    retry_after: str | None
    body: bytes


async def exchange(client: Client, request: Outgoing, seconds: float) -> Answer | TryAgain | Failed:
    """Posts, and reads the answer up to MOST_ANSWER_BYTES. All of it ends within `seconds`, also when the caller is
    cancelled: then the request goes on without it, so that what was sent stays unknown until its time is up.

    A success counts when its answer is whole (or too long); any other status counts as soon as it is read.
    """
    try:
        async with (
            client.post(request.url)
            .headers(request.headers)
            .body_bytes(request.body)
            .timeout(timedelta(seconds=seconds))
            # Nothing is read ahead: the status is known before the body has a chance to break or to drip.
            .streamed_read_buffer_limit(0)
            .build_streamed() as response
        ):
            return Answer(response.status, _retry_after(response), await _read(response))
    except ClientClosedError:  # ours, not the service's
        raise
    except BuilderError as error:
        return Failed(FailureCode.PROTOCOL, f"no request could be made: {_reason(error)}")
    except PyreqwestError as error:
        return _meaning(error)


async def _read(response: Response) -> bytes:
    try:
        return bytes(await response.body_reader.read(MOST_ANSWER_BYTES) or b"")
    except PyreqwestError:
        if 200 <= response.status < 300:  # noqa: PLR2004 - success
            raise
        return b""  # the status says enough


def _retry_after(response: Response) -> str | None:
    try:
        return response.get_header("retry-after")
    except ValueError:  # bytes that are no text
        return None


def _meaning(error: PyreqwestError) -> TryAgain:
    sent = _CONNECTING not in _causes(error)
    if isinstance(error, TimeoutError):
        detail = "no whole answer in time" if sent else "no connection in time"
        return TryAgain(FailureCode.TIMEOUT, detail, maybe_processed=sent)
    reason = _reason(error)
    if not sent:
        return TryAgain(FailureCode.NETWORK, f"no connection: {reason}")
    malformed = isinstance(error, DecodeError) or reason.lower().startswith("invalid")
    code = FailureCode.PROTOCOL if malformed else FailureCode.NETWORK
    return TryAgain(code, f"no whole answer: {reason}", maybe_processed=True)


def _reason(error: PyreqwestError) -> str:
    """The innermost cause. Outer ones name the URL, which may hold a secret."""
    causes = [cause for cause in _causes(error) if "://" not in cause]
    return causes[-1][:_MOST_REASON] if causes else type(error).__name__


def _causes(error: PyreqwestError) -> list[str]:
    details = error.details["causes"] if isinstance(error, DetailedPyreqwestError) else None
    return [str(cause["message"]) for cause in details or []]
