"""The way to a router's internal listener: posts a dead letter, reads the outcome, and believes nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import Url

from webhookcore import __version__, headers
from webhookcore.redelivery import Answer, DecodeError, Redelivery, decode_outcome, encode
from webhookcore.signature import sign_forward
from webhookcore.store.dead_letters import ClaimedLetter

DELIVER_PATH: Final = "/internal/deliver"
ROUTER_GRACE_SECONDS: Final = 2.0
"""What a router gets beyond the timeoutMs that it gives the service."""
_CONNECT_SECONDS: Final = 2.0
_MOST_ANSWER_BYTES: Final = 65_536
_OK: Final = 200
_CONNECTING: Final = "client error (Connect)"
"""The cause by which the client tells a failure to connect from what came after; the type of its error does not."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """No router judged the delivery: nothing is charged. `why` is for the person on call."""

    why: str
    may_have_been_sent: bool = False
    """A connection stood and no answer came: a router may have sent it all the same."""


class RouterClient:
    """Connections to the internal listener, kept alive; HTTP/1.1, no proxies, no redirects."""

    def __init__(
        self, url: str, secret: bytes, *, timeout_ms: int, connections: int, now: Callable[[], datetime]
    ) -> None:
        """`now` is the database's clock: the router checks the signature's age by it."""
        self.budget_seconds = timeout_ms / 1000 + ROUTER_GRACE_SECONDS
        self._url = Url(url.rstrip("/") + DELIVER_PATH)
        self._deadline = timedelta(seconds=self.budget_seconds)
        self._secret = secret
        self._now = now
        self._client = _build(url, connections)

    async def close(self) -> None:
        await self._client.close()

    async def deliver(self, letter: ClaimedLetter) -> Answer | Unreached:
        """What became of it; takes at most `budget_seconds`."""
        body = encode(_redelivery(letter))
        request = (
            self._client.post(self._url)
            .header(headers.INTERNAL_FORWARD, sign_forward(body, self._secret, int(self._now().timestamp())))
            .header(headers.DLQ_RETRY, str(letter.retry_count + 1))
            .header("Content-Type", "application/octet-stream")
            # A total deadline from connecting to the answer's last byte; the client keeps it, whatever the task does.
            .timeout(self._deadline)
            .body_bytes(body)
        )
        if letter.correlation_id.isascii() and letter.correlation_id.isprintable():
            request = request.header(headers.CORRELATION_ID, letter.correlation_id)
        try:
            async with request.build_streamed() as response:
                if response.status != _OK:
                    return Unreached(f"{self._url} answered {response.status}")
                content = bytearray()
                while len(content) < _MOST_ANSWER_BYTES and (chunk := await response.body_reader.read_chunk()):
                    content += chunk
        except PyreqwestError as error:
            causes = _causes(error)
            return Unreached(f"{self._url}: {causes[-1]}", may_have_been_sent=_CONNECTING not in causes)
        try:
            return decode_outcome(bytes(content))
        except DecodeError as error:
            return Unreached(f"{self._url} answered no outcome: {error}")


def _build(url: str, connections: int) -> Client:
    builder = (
        ClientBuilder()
        .user_agent(f"webhookcore/{__version__}")
        .http1_only()
        .follow_redirects(enable=False)
        .no_proxy()
        .tcp_nodelay(enabled=True)
        .connect_timeout(timedelta(seconds=_CONNECT_SECONDS))
        .pool_max_idle_per_host(connections)
    )
    if urlsplit(url).scheme != "https":
        # Nothing is encrypted then, and a machine that has no root certificates can still build the client.
        builder = builder.danger_accept_invalid_certs(enable=True)
    return builder.build()


def _redelivery(letter: ClaimedLetter) -> Redelivery:
    return Redelivery(
        id=letter.id,
        route=letter.route,
        reason=letter.reason,
        menu_selection=letter.menu_selection,
        sender=letter.sender,
        message_id=letter.message_id,
        idempotency_key=letter.idempotency_key,
        attempt=letter.attempts,
        retry=letter.retry_count + 1,
        received_at=letter.received_at,
        correlation_id=letter.correlation_id,
        request_id=letter.request_id,
        traceparent=letter.traceparent,
        body=letter.body,
        taken_over=letter.taken_over,
    )


def _causes(error: PyreqwestError) -> list[str]:
    """From the outermost to the innermost ("Connection refused (os error 111)"), at least one."""
    details = getattr(error, "details", None)
    causes = (details.get("causes") if isinstance(details, dict) else None) or []
    return [str(cause["message"]) for cause in causes] or [str(error)]
