"""Services that a router delivers to: real HTTP servers that record what came and answer as scripted."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhookcore_cli.local.small_http import LOOPBACK, Request, SmallServer
from webhookcore_cli.local.small_http import Answer as HttpAnswer

WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Received:
    """What a service received; header names in lower case, `at` by the monotonic clock."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        """Idempotency-Key, "" where there is none."""
        return self.headers.get("idempotency-key", "")

    @property
    def attempt(self) -> int:
        return int(self.headers.get("x-wa-attempt", "0"))

    def value(self) -> dict[str, Any]:
        """The change's value: `messages`, `statuses`, `contacts`, ..."""
        value: dict[str, Any] = self.json()["entry"][0]["changes"][0]["value"]
        return value

    def text(self) -> str:
        """The body of a text message."""
        text: str = self.value()["messages"][0]["text"]["body"]
        return text


@dataclass(frozen=True, slots=True)
class Answer:
    """A scripted answer. `delay`: seconds before it; `after`: once this is set; `hang`: never; `cut`: the connection is
    reset instead.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    delay: float = 0.0
    after: asyncio.Event | None = None
    hang: bool = False
    cut: bool = False


Script = Callable[[Received], Answer]


class FakeService(SmallServer):
    """`async with FakeService() as service`: listens at once, records, answers 200 unless told otherwise."""

    def __init__(self, answer: Answer | Script | None = None, *, port: int = 0, path: str = "/webhook") -> None:
        super().__init__(self._handle, port)
        self.requests: list[Received] = []
        self.now_open = 0
        self.most_open = 0
        """How many requests were answered at the same time at most."""
        self._path = path
        self._default: Answer | Script = answer if answer is not None else Answer()
        self._next: deque[Answer] = deque()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}{self._path}"

    def answer_with(self, answer: Answer | Script) -> None:
        """From now on answer so, once what `answer_next` queued is used up."""
        self._default = answer

    def answer_next(self, *answers: Answer) -> None:
        """The next requests get these, in order."""
        self._next.extend(answers)

    async def wait_for(self, count: int, seconds: float = WAIT_SECONDS) -> list[Received]:
        """All requests so far, as soon as there are `count`; TimeoutError tells how many came."""
        await self.wait_until(lambda: len(self.requests) >= count, seconds, f"{count} requests")
        return list(self.requests)

    async def wait_until(self, happened: Callable[[], bool], seconds: float = WAIT_SECONDS, what: str = "it") -> None:
        """Return when `happened()` is true; asked again after each request."""
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"waited {seconds} s for {what}; {len(self.requests)} requests came") from None

    def texts(self) -> list[str]:
        """The text of each message received, in order."""
        return [request.text() for request in self.requests]

    def keys(self) -> list[str]:
        """The Idempotency-Key of each request, in order."""
        return [request.key for request in self.requests]

    def _handle(self, request: Request) -> HttpAnswer | Awaitable[HttpAnswer]:
        received = Received(request.method, request.target, request.headers, request.body, time.monotonic())
        self.requests.append(received)
        self._changed.set()
        if self._next:
            answer = self._next.popleft()
        else:
            answer = self._default if isinstance(self._default, Answer) else self._default(received)
        if answer.hang or answer.cut or answer.delay or answer.after:
            return self._answer_slowly(answer)
        self.most_open = max(self.most_open, self.now_open + 1)
        return HttpAnswer(answer.status, answer.headers, answer.body)

    async def _answer_slowly(self, answer: Answer) -> HttpAnswer:
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        try:
            await asyncio.sleep(answer.delay)
            if answer.after:
                await answer.after.wait()
            if answer.hang:
                await asyncio.Event().wait()
            if answer.cut:
                raise ConnectionResetError
            return HttpAnswer(answer.status, answer.headers, answer.body)
        finally:
            self.now_open -= 1


class GraphApi(FakeService):
    """Stands in for Meta's Graph API: takes messages to send and answers with their ids, as WhatsApp does."""

    def __init__(self, answer: Answer | Script | None = None, *, port: int = 0) -> None:
        super().__init__(answer or self._accept, port=port, path="/v23.0")

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of the messages that were to be sent, in order."""
        return [request.json() for request in self.requests]

    def _accept(self, received: Received) -> Answer:
        to = received.json().get("to", "")
        body = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": to}],
            "messages": [{"id": f"wamid.menu{len(self.requests)}"}],
        }
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
