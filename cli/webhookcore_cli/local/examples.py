"""Example services, which show what a company's services receive, and an example of WhatsApp's Graph API."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from webhookcore import headers
from webhookcore.settings import Route
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.small_http import Answer, Request, SmallServer
from webhookcore_cli.masking import masked

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost"})
GRAPH_API_PATH: Final = "/v23.0"
_SHOWN: Final = 60


def loopback_routes(routes: tuple[Route, ...]) -> dict[int, dict[str, Route]]:
    """The routes whose URL names this machine, by port and then path: what examples can stand in for."""
    found: dict[int, dict[str, Route]] = {}
    for route in routes:
        url = urlsplit(route.target_url)
        if url.scheme == "http" and url.hostname in LOOPBACK_NAMES and url.port is not None:
            found.setdefault(url.port, {})[url.path or "/"] = route
    return found


class ExampleServices:
    """The services behind one port. Each does what a real one must: works once per Idempotency-Key, then says 200."""

    def __init__(self, routes: Mapping[str, Route], port: int, console: Console) -> None:
        self.names = [route.name for route in routes.values()]
        self.server = SmallServer(self.receive, port)
        self._routes = routes
        self._console = console
        self._done: dict[str, None] = {}

    def receive(self, request: Request) -> Answer:
        route = self._routes.get(urlsplit(request.target).path)
        if route is None:
            return Answer(404)
        key = request.headers.get(headers.IDEMPOTENCY_KEY.lower(), "")
        repeated = key in self._done
        self._done[key] = None
        if len(self._done) > 10_000:  # noqa: PLR2004 - an example, which must not grow without end
            del self._done[next(iter(self._done))]
        self._console.say(route.name, describe(request, repeated=repeated))
        return Answer(200, {"Content-Type": "text/plain"}, b"ok")


class ExampleGraphApi:
    """Takes the menus that the router sends and shows them."""

    def __init__(self, console: Console, port: int = 0) -> None:
        self.server = SmallServer(self.receive, port)
        self._console = console
        self._count = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}{GRAPH_API_PATH}"

    def receive(self, request: Request) -> Answer:
        try:
            message = json.loads(request.body)
            text = describe_menu(message)
        except (ValueError, LookupError, TypeError, AttributeError):
            return _json(400, {"error": {"message": "(#100) Invalid parameter", "type": "OAuthException", "code": 100}})
        self._count += 1
        self._console.say("whatsapp", text)
        to = message.get("to") or message.get("recipient") or ""
        sent = {"messaging_product": "whatsapp", "contacts": [{"input": to, "wa_id": to}]}
        return _json(200, {**sent, "messages": [{"id": f"wamid.example{self._count}"}]})


def describe(request: Request, *, repeated: bool = False) -> str:
    """What a service received, in one line; numbers masked."""
    got = request.headers.get
    what, sender = _content(request.body)
    notes = [f"attempt {got(headers.ATTEMPT.lower(), '?')}"]
    notes += _note("menu {}", got(headers.MENU_SELECTION.lower()))
    notes += ["seen before: not done twice"] if repeated else []
    return f"← {what}{f' from {masked(sender)}' if sender else ''} ({', '.join(notes)})"


def describe_menu(message: Mapping[str, Any]) -> str:
    """A message to a customer, in one line; LookupError and the like for what is none."""
    to = masked(str(message.get("to") or message.get("recipient") or ""))
    if message["type"] == "text":
        return f"→ to {to}: {message['text']['body']}"
    action = message["interactive"]["action"]
    rows = [row["title"] for section in action["sections"] for row in section["rows"]]
    return f"→ to {to}: {message['interactive']['body']['text']} [{action['button']}: {' | '.join(rows)}]"


def _content(body: bytes) -> tuple[str, str]:
    """What an event is, for a person, and who sent it."""
    try:
        change = json.loads(body)["entry"][0]["changes"][0]
        value = change["value"]
        if change["field"] != "messages":
            return change["field"], ""
        if statuses := value.get("statuses"):
            return f"status {statuses[0]['status']}", str(statuses[0].get("recipient_id", ""))
        message = value["messages"][0]
        return _message(message), str(message.get("from") or message.get("from_user_id") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return f"{len(body)} bytes", ""


_TEXTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": lambda content: content["body"],
    "button": lambda content: content["payload"],
    "interactive": lambda content: content[content["type"]]["title"],
    "image": lambda content: content.get("caption", ""),
    "reaction": lambda content: content.get("emoji", ""),
}


def _message(message: Mapping[str, Any]) -> str:
    kind = message["type"]
    if kind == "audio" and message["audio"].get("voice"):
        return "voice note"
    text = str(_TEXTS[kind](message[kind])) if kind in _TEXTS else ""
    if not text:
        return str(kind)
    shown = " ".join(text.split())
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    return f'"{shown}"' if kind == "text" else f'{kind} "{shown}"'


def _note(text: str, value: str | None) -> list[str]:
    return [text.format(value)] if value else []


def _json(status: int, body: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
