"""The company's services and WhatsApp's Graph API, as real HTTP servers that write down what they get."""

import asyncio
import json
import time
from enum import StrEnum
from typing import Any, Final

from demo.observed import MenuSent, Receipt
from webhookcore_cli.local.small_http import Answer, Request, SmallServer

REFUSED: Final = 422
CRASHED: Final = 500
STARTING: Final = 503
WORK_SECONDS: Final = 0.01
"""What a service takes for an event: enough that two at a time would be seen."""
UNICORN: Final = "\N{UNICORN FACE}"


class Mood(StrEnum):
    """How a service does."""

    WELL = "well"
    STARTING = "starting"
    """It listens and says 503."""
    HANGING = "hanging"
    """It takes requests and answers none until it is well again."""
    DOWN = "down"
    """Nothing listens."""


class Service:
    """One of the services. `receipts` is where all of them write down what they got."""

    def __init__(self, name: str, receipts: list[Receipt]) -> None:
        self.name = name
        self.server = SmallServer(self._receive)
        self.mood = Mood.WELL
        self._receipts = receipts
        self._well = asyncio.Event()

    async def becomes(self, mood: Mood) -> None:
        if mood is Mood.DOWN:
            await self.server.stop()
        elif self.mood is Mood.DOWN:
            await self.server.start()
        self.mood = mood
        if mood is Mood.HANGING:
            self._well.clear()
        elif mood is Mood.WELL:
            self._well.set()

    async def _receive(self, request: Request) -> Answer:
        """Cancelled where the caller hangs up first; then nothing was done."""
        receipt = Receipt(self.name, request.headers, request.body, began=time.time())
        self._receipts.append(receipt)
        await asyncio.sleep(WORK_SECONDS)
        if self.mood is Mood.HANGING:
            await self._well.wait()
        receipt.status = STARTING if self.mood is Mood.STARTING else verdict(receipt.body)
        receipt.ended = time.time()
        return Answer(receipt.status, {"Content-Type": "text/plain"}, b"ok")


def verdict(body: bytes) -> int:
    """What the services make of an event: there is no policy 0000-XX, and a unicorn in a file's name is a crash."""
    value = json.loads(body)["entry"][0]["changes"][0]["value"]
    for message in value.get("messages", ()):
        if "0000-XX" in message.get("text", {}).get("body", ""):
            return REFUSED
        if UNICORN in message.get("document", {}).get("filename", ""):
            return CRASHED
    return 200


class GraphApi:
    """Stands in for WhatsApp's Graph API: takes the menus that are to be shown."""

    def __init__(self, menus: list[MenuSent]) -> None:
        self.server = SmallServer(self._receive)
        self._menus = menus

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/v23.0"

    def _receive(self, request: Request) -> Answer:
        message: dict[str, Any] = json.loads(request.body)
        to = str(message.get("to") or message.get("recipient") or "")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self._menus.append(MenuSent(to, token, message, time.time()))
        sent = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": to}],
            "messages": [{"id": f"wamid.demo{len(self._menus)}"}],
        }
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(sent).encode())
