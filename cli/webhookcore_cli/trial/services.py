"""The example services and the example Graph API on one port, for other pods, until SIGTERM."""

import asyncio
import signal
from collections.abc import Sequence
from typing import Final

from webhookcore.settings import Route
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.examples import GRAPH_API_PATH, ExampleGraphApi, ExampleServices
from webhookcore_cli.local.small_http import Answer, Request, SmallServer

EVERY_ADDRESS: Final = ""


class TrialServices:
    """Each service has the path of its name; what is below the Graph API's path is WhatsApp's."""

    def __init__(self, names: Sequence[str], port: int, console: Console) -> None:
        self._services = ExampleServices({f"/{name}": Route(name=name) for name in names}, port, console)
        self._graph = ExampleGraphApi(console)
        self.server = SmallServer(self._receive, port, host=EVERY_ADDRESS)

    def _receive(self, request: Request) -> Answer:
        whose = self._graph if request.target.startswith(f"{GRAPH_API_PATH}/") else self._services
        return whose.receive(request)


async def serve(names: Sequence[str], port: int, console: Console) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with TrialServices(names, port, console).server as server:
        console.say("run", f"listening on port {server.port} for {', '.join(names)}")
        await stopping.wait()
