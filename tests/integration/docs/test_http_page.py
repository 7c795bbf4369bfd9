"""docs/http.md: every request and answer on it is sent and compared, and its example of a service is a service."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import httpx
from tests.integration.docs.example import APP_SECRET, INTERNAL_SECRET, SECRETS, example
from tests.support import meta
from tests.support.pages import ROOT, walk
from tests.support.ports import free_port
from tests.support.postgres import Databases
from tests.support.scene import Scene
from tests.support.services import Received

from webhookcore import headers, signature

PAGE = ROOT / "docs/http.md"
PUBLIC, INTERNAL, JOBS, GRAPH = (
    "whatsapp.example.com",
    "router.example.svc:9090",
    "jobs.example.svc:8093",
    "graph.facebook.com",
)
NAMES = {
    name.lower(): name
    for name in [
        *(value for value in vars(headers).values() if isinstance(value, str)),
        *("Content-Type", "Content-Length", "Accept", "User-Agent", "Authorization"),
    ]
}


class Talk:
    """Sends the page's requests, and shows answers and what services got."""

    def __init__(self, it: Scene) -> None:
        self.it = it
        self._answer: httpx.Response | None = None

    async def show(self, text: str) -> str:
        head, _, body = text.partition("\n\n")
        first, *lines = head.split("\n")
        if first.startswith("HTTP/"):
            assert self._answer is not None
            return answered(self._answer)
        given = dict(line.split(": ", 1) for line in lines)
        host = given.pop("Host")
        if host == JOBS:
            service = self.it.services["wa-webhook-jobs"]
            (request,) = await service.wait_for(1)
            secret = SECRETS["WEBHOOKCORE_SECRET_WA_WEBHOOK_JOBS_WEBHOOK_SECRET"]
            assert not body or signature.verify(body.encode(), given[headers.SIGNATURE], [secret.encode()])
            return received(request, host)
        if host == GRAPH:
            (request,) = await self.it.graph.wait_for(1)
            return received(request, host)
        await self._send(first, given, body.encode(), internal=host == INTERNAL)
        return text

    async def _send(self, first: str, given: dict[str, str], body: bytes, *, internal: bool) -> None:
        method, target, _ = first.split(" ")
        base = self.it.router.internal_url if internal else self.it.router.url.removesuffix("/wa-webhook-core")
        if shown := given.get(headers.INTERNAL_FORWARD):
            secret = INTERNAL_SECRET.encode()
            assert shown == signature.sign_forward(body, secret, int(shown[2 : shown.index(",")]))
            given[headers.INTERNAL_FORWARD] = signature.sign_forward(body, secret, int(time.time()))
        self._answer = await self.it.http.request(method, base + target, content=body, headers=given)


def answered(answer: httpx.Response) -> str:
    lines = [f"{name.decode()}: {value.decode()}" for name, value in answer.headers.raw]
    return "\n".join([f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", *lines, "", answer.text])


def received(request: Received, host: str) -> str:
    """As it came, but for the upper case of its headers' names and for a long body on one line."""
    lines = [f"{NAMES[name]}: {value}" for name, value in request.headers.items() if name != "host"]
    body = request.body.decode()
    if host == GRAPH:
        body = json.dumps(request.json(), indent=2, ensure_ascii=False)
    return "\n".join([f"{request.method} {request.target} HTTP/1.1", f"Host: {host}", *lines, "", body])


class ExampleService:
    """The page's service as a process, behind the route `wa-webhook-insurance`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()

    async def start(self, source: str) -> str:
        path = self.folder / "service.py"
        path.write_text(source)
        secret = SECRETS["WEBHOOKCORE_SECRET_WA_WEBHOOK_INSURANCE_WEBHOOK_SECRET"]
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(path)),
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), "WEBHOOK_SECRET": secret},
            stdout=asyncio.subprocess.PIPE,
        )
        return source

    async def is_up(self) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def stop(self) -> str:
        """What it printed."""
        self.process.kill()
        out, _ = await self.process.communicate()
        return out.decode()


async def test_http_page(databases: Databases, tmp_path: Path) -> None:
    """Each request of the page gets the answer that stands below it, services get what it shows, and the service that
    it gives as an example takes a delivery once and refuses a forged one.
    """
    service = ExampleService(tmp_path)
    url = f"http://127.0.0.1:{service.port}/webhook"
    async with example(databases, tmp_path, changes={"wa-webhook-insurance": {"url": url}}) as it:

        async def works_once() -> None:
            await service.is_up()
            message = meta.text("seguro")
            await it.post(meta.body(message), secret=APP_SECRET)
            await it.settled()
            assert not await it.rows("SELECT * FROM wa_dead_letter_queue")
            body = meta.body(message)
            key = {headers.IDEMPOTENCY_KEY: message["id"]}
            good = {headers.SIGNATURE: signature.sign(body, b"the-secret-of-insurance")}
            assert (await it.http.post(url, content=body, headers={**key, **good})).status_code == 204
            assert (await it.http.post(url, content=body + b" ", headers={**key, **good})).status_code == 401
            assert (await it.http.post(url, content=body, headers=key)).status_code == 401
            assert await service.stop() == "new: text\n"
            await it.post(meta.body(meta.text("hello", "491709876543")), secret=APP_SECRET)

        talk = Talk(it)
        await walk(
            PAGE,
            show={"http": talk.show, "python": service.start},
            steps={"the service works once, and only for Webhook Core": works_once},
        )
