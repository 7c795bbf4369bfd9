"""The router as a child of the local mode: started again when it dies, drained at the end."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final

from webhookcore_cli.local.children import Children
from webhookcore_cli.local.console import Console
from webhookcore_cli.trouble import EXIT_CONFIGURATION, EXIT_FAILED, TroubleError

PART: Final = "router"
READY_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a router that died is started again; the last one repeats until one was up for STEADY_SECONDS."""


class SupervisedRouter:
    """`start` returns when it is ready; `watch` then runs until it is cancelled or starting again makes no sense."""

    def __init__(self, children: Children, arguments: Sequence[str], internal_address: str, console: Console) -> None:
        self._children = children
        self._arguments = arguments
        self._internal_address = internal_address
        self._console = console
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises TroubleError with its last words where it ends instead of getting ready."""
        marks = self._children.marks(PART)
        self._process = process = await self._children.start(PART, *self._arguments)
        log = self._children.errors(PART)
        give_up = asyncio.get_running_loop().time() + READY_SECONDS
        while not await asyncio.to_thread(_is_ready, self._internal_address):
            if process.returncode is not None:
                code = EXIT_CONFIGURATION if process.returncode == EXIT_CONFIGURATION else EXIT_FAILED
                words = self._children.last_lines(PART, marks, 5)[1] or "it said nothing"
                raise TroubleError(f"the router ended at its start ({process.returncode}): {words}\n(see {log})", code)
            if asyncio.get_running_loop().time() > give_up:
                raise TroubleError(f"the router was not ready within {READY_SECONDS:.0f} s, see {log}")
            await asyncio.sleep(0.05)

    async def watch(self) -> None:
        deaths = 0
        while self._process is not None:
            since = asyncio.get_running_loop().time()
            code = await self._process.wait()
            if asyncio.get_running_loop().time() - since > STEADY_SECONDS:
                deaths = 0
            pause = PAUSES[min(deaths, len(PAUSES) - 1)]
            deaths += 1
            self._console.say(PART, f"ended by itself (exit code {code}); starting it again in {pause} s")
            await asyncio.sleep(pause)
            try:
                await self.start()
            except TroubleError as trouble:
                if trouble.code == EXIT_CONFIGURATION:
                    raise
                self._console.say(PART, str(trouble))
            else:
                self._console.say(PART, "ready again; what had been accepted is delivered now")

    async def stop(self) -> None:
        """Drain it: readiness away, no new connection, what it took is settled, leases given back."""
        if self._process is not None:
            await self._children.stop(self._process, DRAIN_SECONDS)


def _is_ready(address: str) -> bool:
    """GET /readyz, without the half second that importing httpx takes."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
