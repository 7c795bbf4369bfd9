"""`webhookcore send`: posts one signed notification, as Meta would, and shows the answer."""

import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from webhookcore import headers, signature
from webhookcore_cli.trouble import TroubleError
from webhookcore_cli.which_system import Receiver

TIMEOUT_SECONDS: Final = 30.0
_THIS_MACHINE: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_SHOWN: Final = {
    "routedService": headers.ROUTED_SERVICE,
    "reason": headers.ROUTING_REASON,
    "requestId": headers.REQUEST_ID,
    "correlationId": headers.CORRELATION_ID,
    "coreLatency": headers.CORE_LATENCY,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What came back."""

    status: int
    headers: dict[str, str]
    error: str | None
    milliseconds: float

    @property
    def accepted(self) -> bool:
        return self.status == httpx.codes.OK

    def as_dict(self) -> dict[str, Any]:
        """Every value that is told, by its JSON name."""
        shown = {name: self.headers.get(header.lower()) for name, header in _SHOWN.items()}
        return {"status": self.status, **shown, "error": self.error, "roundTripMs": round(self.milliseconds, 1)}


def send(receiver: Receiver, body: bytes) -> Sent:
    """TroubleError where nobody answers."""
    sent = {"Content-Type": "application/json", headers.SIGNATURE: signature.sign(body, receiver.app_secret)}
    try:
        # A proxy of the environment's is for the way out, not for a router on this machine.
        with httpx.Client(timeout=TIMEOUT_SECONDS, mounts=dict.fromkeys(_THIS_MACHINE)) as client:
            started = time.monotonic()
            answer = client.post(receiver.url, content=body, headers=sent)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        why = str(error).rstrip(".")
        raise TroubleError(
            f"nobody answers at {receiver.url}: {why}. Is `webhookcore run` up? Name another address with --url."
        ) from None
    took = (time.monotonic() - started) * 1000
    return Sent(
        answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, _error(answer), took
    )


def _error(answer: httpx.Response) -> str | None:
    """The code and message that an answer other than 200 gives."""
    if answer.status_code == httpx.codes.OK:
        return None
    try:
        told = answer.json()
        return f"{told['error']}: {told['message']}"
    except (ValueError, LookupError, TypeError):
        return answer.reason_phrase or "no reason given"


def facts(sent: Sent) -> list[tuple[str, str]]:
    """The answer for a person."""
    told = sent.as_dict()
    names = {
        "status": "status",
        "error": "error",
        "routedService": "routed to",
        "reason": "because of",
        "requestId": "request id",
        "correlationId": "correlation id",
        "coreLatency": "core latency",
        "roundTripMs": "round trip, ms",
    }
    return [(label, str(told[name])) for name, label in names.items() if told[name] is not None]
