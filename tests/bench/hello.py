"""The baseline of the router: an empty handler of the same Sanic, started as the router starts its listeners."""

import asyncio
import gc
import sys
from typing import Any

import uvloop
from sanic import HTTPResponse, Request, Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP
from tests.bench.notifications import PATH

from webhookcore_cli.local.small_http import LOOPBACK


async def main(port: int) -> None:
    """Serves until it is killed."""
    app: Sanic[Any, Any] = Sanic("hello", configure_logging=False)
    app.config.ACCESS_LOG = False
    app.config.MOTD = False

    @app.post(PATH)
    async def hello(_: Request) -> HTTPResponse:
        return HTTPResponse(status=200)

    app.state.server_info.append(ApplicationServerInfo(settings={"version": HTTP.VERSION_1}))
    server: Any = await app.create_server(LOOPBACK, port)
    await server.startup()
    await server.before_start()
    await server.start_serving()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
