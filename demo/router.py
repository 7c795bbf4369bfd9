"""One `webhookcore router` as a process, and where it listens."""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from webhookcore_cli.local.children import Children
from webhookcore_cli.local.listeners import check_free
from webhookcore_cli.local.small_http import LOOPBACK
from webhookcore_cli.trouble import TroubleError

PART: Final = "router"
READY_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 30.0
BELOW_EPHEMERAL: Final = range(10_000, 32_000)
"""A port of the ephemeral range could become an outgoing connection's before the router takes it."""


class Router:
    """`start` returns when it is ready; `stop` drains it and says how it ended."""

    def __init__(self, logs: Path, config: Path, path: str) -> None:
        port, internal_port = free_port(), free_port()
        self.url = f"http://{LOOPBACK}:{port}{path}"
        self.health_url = f"http://{LOOPBACK}:{port}/health"
        self.internal_url = f"http://{LOOPBACK}:{internal_port}"
        self.events = logs / f"{PART}.jsonl"
        """One JSON line each."""
        self._logs = logs
        self._arguments = (
            *("--config", str(config), "--host", LOOPBACK, "--drain-seconds", "0"),
            *("--port", str(port), "--internal-port", str(internal_port)),
        )
        self._children: Children | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, client: httpx.AsyncClient, env: Mapping[str, str], hurry: asyncio.Event) -> None:
        """Raises TroubleError with its last words where it does not get ready. `hurry`: `stop` kills it."""
        self._logs.mkdir(exist_ok=True)
        self._children = children = Children(env, self._logs, hurry)
        self._process = process = await children.start(PART, *self._arguments)
        give_up = asyncio.get_running_loop().time() + READY_SECONDS
        while not await self._is_ready(client):
            if process.returncode is not None or asyncio.get_running_loop().time() > give_up:
                words = children.last_lines(PART, (0, 0), 5)[1] or "it said nothing"
                raise TroubleError(f"a router did not start: {words}")
            await asyncio.sleep(0.05)

    async def stop(self) -> int | None:
        """Its exit code; None where it never ran."""
        if self._process is None or self._children is None:
            return None
        await self._children.stop(self._process, DRAIN_SECONDS)
        return self._process.returncode

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            answer = await client.get(f"{self.internal_url}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    while check_free(LOOPBACK, port := random.choice(BELOW_EPHEMERAL)) is not None:  # noqa: S311 - no secret
        continue
    return port
