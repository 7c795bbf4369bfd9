"""The real system, for the time of a demo: a Postgres in a temporary folder, two routers, the services, WhatsApp."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from demo import commands
from demo.commands import Finished
from demo.company import Company, environment
from demo.database import Database
from demo.observed import Observed
from demo.router import Router
from demo.services import GraphApi, Service
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_cli.local.small_http import LOOPBACK
from webhookcore_cli.trouble import TroubleError

ROUTERS: Final = 2
POST_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class System:
    """Everything that runs, and how to speak to it."""

    company: Company
    services: dict[str, Service]
    routers: list[Router]
    database: Database
    client: httpx.AsyncClient
    environment: dict[str, str]
    config: Path
    hurry: asyncio.Event

    async def command(self, *arguments: str) -> Finished:
        """Runs `webhookcore <arguments>` with this system's config and database."""
        return await commands.run([*arguments, "--config", str(self.config)], self.environment)

    async def restart(self, number: int) -> int | None:
        """Drains a router and starts it anew, as a rollout does; the exit code of the one that went."""
        router = self.routers[number - 1]
        code = await router.stop()
        await router.start(self.client, self.environment, self.hurry)
        return code

    async def stop_routers(self) -> list[int | None]:
        """Drains them; their exit codes."""
        return list(await asyncio.gather(*(router.stop() for router in self.routers)))

    async def breaker_is_closed(self, service: str) -> bool:
        """As a router's /health tells."""
        health = (await self.client.get(self.routers[0].health_url)).json()
        return bool(health["circuitBreakers"][service] == "closed")


@asynccontextmanager
async def running(company: Company, folder: Path, observed: Observed, hurry: asyncio.Event) -> AsyncIterator[System]:
    """The system, until the block ends; then all of it ends, what was begun last first. `hurry`: it is killed."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=POST_SECONDS, trust_env=False))
        graph_api = GraphApi(observed.menus)
        services = {route.name: Service(route.name, observed.receipts) for route in company.spec.routes}
        for server in (graph_api.server, *(service.server for service in services.values())):
            await stack.enter_async_context(server)
        urls = {name: f"http://{LOOPBACK}:{service.server.port}/webhook" for name, service in services.items()}
        config = company.write(folder, urls, graph_api.url)

        postgres = EmbeddedPostgres(folder / "postgres", folder / "postgres.log")
        stack.callback(postgres.close)
        postgres.start()
        path = company.spec.router.path
        routers = [Router(folder / f"router-{number}", config, path) for number in range(1, ROUTERS + 1)]
        env = environment(os.environ, postgres.url(), routers[0].internal_url)
        migrated = await commands.run(["migrate"], env)
        if migrated.code != 0:
            raise TroubleError(f"the database could not be migrated: {migrated.errors or migrated.result}")
        for router in routers:
            stack.push_async_callback(router.stop)
        await asyncio.gather(*(router.start(client, env, hurry) for router in routers))
        database = await stack.enter_async_context(Database(postgres.url()))
        yield System(company, services, routers, database, client, env, config, hurry)
