"""`webhookcore run`: the whole system on this machine, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Mapping

from webhookcore.settings import WebhookCoreSpec
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.system import LocalSystem, Options


async def run(options: Options, spec: WebhookCoreSpec, environ: Mapping[str, str], console: Console) -> None:
    """Run until Ctrl-C or SIGTERM; a second one kills what still drains. TroubleError for what cannot go on."""
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stopping.is_set() else stopping).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    system = LocalSystem(options, spec, environ, console, hurry=hurry)
    running, waiting = asyncio.create_task(system.run()), asyncio.create_task(stopping.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not running.done():
        console.write("\nStopping: what was accepted is delivered or kept. Ctrl-C again stops at once.")
        running.cancel()
        await asyncio.wait({running})
    await system.stop()
    if not running.cancelled():
        running.result()
    console.write("Stopped.")
