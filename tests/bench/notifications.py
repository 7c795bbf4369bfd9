"""Realistic notifications, signed and ready to be written to a connection: each with a sender and an id of its own."""

import hmac
import secrets
from collections.abc import Sequence

from tests.support import meta
from tests.support.config import APP_SECRET

from webhookcore.headers import IDEMPOTENCY_KEY
from webhookcore_cli.local.small_http import LOOPBACK

PATH = "/wa-webhook-core"
TEXTS = ("I need a ride to the airport", "ride", "Hola, ¿dónde está mi taxi?", "hello there, is my work permit ready?")
"""Each leads to a route by its keyword, alone or inside the text: `KEYWORDS` of the routes."""
RIDES, JOBS = ["ride", "taxi"], ["work"]

_ID, _SENDER = "@ID@", "@SENDER@"
_ID_START = "wamid.HBgMNDkxNzA1NTU0NzQxFQIAEhgU"
_DIGITS = 12


class Notifications:
    """Numbered: the number stands in the message's id, and comes back in the service's Idempotency-Key."""

    def __init__(self, texts: Sequence[str] = TEXTS) -> None:
        self._run = secrets.token_hex(4).upper()
        self._templates = [_template(text) for text in texts]
        self._first_sender = 49_150_000_000_000 + secrets.randbelow(9_000) * 10**6
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {LOOPBACK}\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"
            "Content-Type: application/json\r\nX-Hub-Signature-256: sha256="
        )
        self._secret = APP_SECRET.encode()

    def request(self, number: int) -> bytes:
        """The whole POST."""
        return self._post(self.body(number))

    def body(self, number: int) -> bytes:
        sender = self.sender(number)
        before, between, inside, after = self._templates[number % len(self._templates)]
        return f"{before}{sender}{between}{sender}{inside}{self.id(number)}{after}".encode()

    def batch_request(self, number: int, messages: int, statuses: int) -> bytes:
        """One notification of many events; its messages have the numbers from `number` x `messages` on."""
        first = number * messages
        told = [
            meta.text(TEXTS[place % len(TEXTS)], self.sender(first + place), id=self.id(first + place))
            for place in range(messages)
        ]
        seen = [meta.status(("sent", "delivered", "read")[place % 3]) for place in range(statuses)]
        changes = [meta.change(meta.value(messages=told)), meta.change(meta.value(statuses=seen))]
        return self._post(meta.encode(meta.envelope(changes)))

    def sender(self, number: int) -> str:
        return str(self._first_sender + number)

    def id(self, number: int) -> str:
        return f"{_ID_START}{self._run}{number:0{_DIGITS}d}AA=="

    def _post(self, body: bytes) -> bytes:
        signature = hmac.digest(self._secret, body, "sha256").hex()
        return f"{self._head}{signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def number_of(request: bytes) -> int:
    """The number of the notification that a delivery carries, from its Idempotency-Key."""
    place = request.index(_KEY) + len(_KEY) + 8
    return int(request[place : place + _DIGITS])


_KEY = f"{IDEMPOTENCY_KEY}: {_ID_START}".encode()


def _template(text: str) -> tuple[str, str, str, str]:
    """What stands between contact, sender and id."""
    whole = meta.body(meta.text(text, _SENDER, id=_ID)).decode("ascii")
    before, between, rest = whole.split(_SENDER)
    inside, after = rest.split(_ID)
    return before, between, inside, after
