"""The home menu: WhatsApp's interactive list of the routes that have a menu entry, sent through the Graph API."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from pyreqwest.http import Url

from webhookcore.delivery.classify import TryAgain
from webhookcore.delivery.outcome import Abandoned, Failed, FailureCode
from webhookcore.routing.decision import HOME_SERVICE
from webhookcore.settings import Home, Problem, Route, SettingsError, WebhookCoreSpec
from webhookcore_router.exchange import Outgoing
from webhookcore_router.outgoing import Delivery, header_value

_IN_REQUEST: Final = 2
_UNAUTHORIZED: Final = frozenset({401, 403})
_TOKEN_CODES: Final = frozenset({0, 3, 10, 190, *range(200, 300)})
"""The Graph API's error codes that mean a token which is expired, revoked, or not allowed to send."""


@dataclass(frozen=True, slots=True)
class HomeMenu:
    """The target of the home menu: answers the message that asked for it, from the number that it was written to.

    A menu that may have been sent is never sent again: nobody wants two.
    """

    graph_api_url: str
    access_token: str = field(repr=False)
    content: dict[str, Any]
    """The message without its addressee."""
    name: str = HOME_SERVICE
    in_request: int = _IN_REQUEST
    never: frozenset[int] = frozenset()

    @classmethod
    def of(cls, spec: WebhookCoreSpec, access_token: str) -> Self:
        """From the settings. Raises SettingsError for a URL that cannot be used."""
        url = spec.whatsapp.graph_api_url.rstrip("/")
        try:
            Url(url)
        except ValueError as error:
            raise SettingsError((Problem("spec.whatsapp.graphApiUrl", "no URL", f"{error}"),)) from None
        return cls(url, header_value(access_token.strip()), menu_content(spec.home, spec.routes))

    def request(self, delivery: Delivery, attempt: int) -> Outgoing | Abandoned:
        del attempt  # Meta has no use for it
        if delivery.taken_over:
            return Abandoned(FailureCode.UNKNOWN_OUTCOME, "taken over from a router that may have sent the menu")
        addressee = _addressee(delivery.body)
        if addressee is None:
            return Abandoned(FailureCode.PROTOCOL, "the event does not say whom to send the menu to, or from where")
        phone_number_id, recipient = addressee
        return Outgoing(
            Url(f"{self.graph_api_url}/{phone_number_id}/messages"),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.access_token}"},
            json.dumps(
                {"messaging_product": "whatsapp", "recipient_type": "individual", **recipient, **self.content}
            ).encode(),
        )

    def judge(self, result: Failed | Abandoned | TryAgain, answer: bytes) -> Failed | Abandoned | TryAgain:
        if isinstance(result, TryAgain) and result.maybe_processed:
            detail = f"the Graph API: {result.detail}; the menu may have been sent"
            return Abandoned(FailureCode.UNKNOWN_OUTCOME, detail, result.status)
        code = _error_code(answer)
        detail = f"the Graph API: {result.detail}" + (f" (error {code})" if code is not None else "")
        if result.status in _UNAUTHORIZED or (code in _TOKEN_CODES and result.status == 400):  # noqa: PLR2004 - bad request
            detail += ": check the access token, it may have expired or may not send from this number"
        return replace(result, detail=detail)


def menu_content(home: Home, routes: Iterable[Route]) -> dict[str, Any]:
    """The message without its addressee: a list in the order of the config; where no route has an entry, the text."""
    rows = [
        {"id": route.name, "title": route.menu.title}
        | ({"description": route.menu.description} if route.menu.description else {})
        for route in routes
        if route.menu is not None
    ]
    if not rows:
        return {"type": "text", "text": {"body": home.text}}
    action = {"button": home.button, "sections": [{"rows": rows}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": home.text}, "action": action}}


def _addressee(body: bytes) -> tuple[str, dict[str, str]] | None:
    """The number's id that the event came in by, and who wrote: `to` a phone number, else `recipient` a user id."""
    try:
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        phone_number_id = value["metadata"]["phone_number_id"]
        message = value["messages"][0]
        number, user_id = message.get("from"), message.get("from_user_id")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(phone_number_id, str) or not (phone_number_id.isascii() and phone_number_id.isdigit()):
        return None  # it becomes part of a URL
    if isinstance(number, str) and number:
        return phone_number_id, {"to": number}
    if isinstance(user_id, str) and user_id:
        return phone_number_id, {"recipient": user_id}
    return None


def _error_code(answer: bytes) -> int | None:
    """The number that the Graph API gives its error; its text may quote what no log may hold."""
    try:
        code = json.loads(answer)["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return code if isinstance(code, int) and not isinstance(code, bool) else None
