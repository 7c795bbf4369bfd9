"""What goes to a service: one event as a request, with the headers of the downstream contract."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import ascii_letters, digits, punctuation
from typing import Final, Protocol, Self
from urllib.parse import quote

from pyreqwest.http import Url

from webhookcore import headers
from webhookcore.delivery.classify import TryAgain
from webhookcore.delivery.outcome import Abandoned, Failed
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.settings import Problem, Route, SecretUse, SettingsError
from webhookcore.signature import sign
from webhookcore_router.exchange import Outgoing

_MOST_CHARACTERS: Final = 512
_KEPT: Final = (ascii_letters + digits + punctuation + " ").replace("%", "")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to a service."""

    body: bytes
    attempt: int
    """X-WA-Attempt of the first HTTP try; counted durably before anything is sent."""
    idempotency_key: str
    correlation_id: str
    request_id: str
    received_at: datetime
    menu_selection: str | None = None
    traceparent: str | None = None
    taken_over: bool = False
    """Whether somebody else held this event after its attempt was counted, and may have sent it."""


class Target(Protocol):
    """Where deliveries go."""

    @property
    def name(self) -> str:
        """The route's name, or HOME_SERVICE."""

    @property
    def in_request(self) -> int:
        """How many further tries one delivery has."""

    @property
    def never(self) -> AbstractSet[int]:
        """Status codes after which nothing is tried again."""

    def request(self, delivery: Delivery, attempt: int) -> Outgoing | Abandoned:
        """The request of one HTTP try, or why there can be none."""

    def judge(self, result: Failed | Abandoned | TryAgain, answer: bytes) -> Failed | Abandoned | TryAgain:
        """What a try that did not deliver means here; `answer` is its body."""


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """One of the company's services."""

    name: str
    url: Url
    in_request: int = 2
    never: frozenset[int] = frozenset()
    signing_secret: bytes | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, route: Route, secret: bytes | None) -> Self:
        """From the settings; `secret` is what `secretRef` names. Raises SettingsError for a URL that cannot be used."""
        try:
            url = Url(route.target_url)
        except ValueError as error:
            raise SettingsError((Problem(f"spec.routes[{route.name}].url", "no URL", f"{error}"),)) from None
        bearer = route.secret_ref is not None and route.secret_ref.use is SecretUse.BEARER
        return cls(
            route.name,
            url,
            route.retry.in_request,
            frozenset(route.retry.never),
            signing_secret=None if bearer else secret,
            bearer_token=header_value(secret.decode(errors="replace").strip()) if bearer and secret else None,
        )

    def request(self, delivery: Delivery, attempt: int) -> Outgoing:
        values = {
            "Content-Type": "application/json",
            headers.ROUTED_FROM: HOME_SERVICE,
            headers.ROUTED_SERVICE: self.name,
            headers.CORRELATION_ID: header_value(delivery.correlation_id),
            headers.REQUEST_ID: header_value(delivery.request_id),
            headers.IDEMPOTENCY_KEY: header_value(delivery.idempotency_key),
            headers.ATTEMPT: str(attempt),
            headers.RECEIVED_AT: _timestamp(delivery.received_at),
        }
        if delivery.menu_selection:
            values[headers.MENU_SELECTION] = header_value(delivery.menu_selection)
        if delivery.traceparent:
            values[headers.TRACEPARENT] = header_value(delivery.traceparent)
        if self.signing_secret is not None:
            values[headers.SIGNATURE] = sign(delivery.body, self.signing_secret)
        elif self.bearer_token is not None:
            values["Authorization"] = f"Bearer {self.bearer_token}"
        return Outgoing(self.url, values, delivery.body)

    def judge(self, result: Failed | Abandoned | TryAgain, answer: bytes) -> Failed | Abandoned | TryAgain:
        del answer  # may hold what no log and no dead letter must
        return result


def header_value(text: str) -> str:
    """A text as a header's value: visible ASCII as it is, anything else percent-encoded UTF-8; nothing can inject."""
    if text.isascii() and text.isprintable() and len(text) <= _MOST_CHARACTERS:
        return text
    return quote(text[:_MOST_CHARACTERS], safe=_KEPT, errors="replace")


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
