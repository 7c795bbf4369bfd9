"""Several routers over one database, with limits of the test's own, to be killed, stopped and replaced."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.support.config import environment
from tests.support.ports import free_port
from tests.support.processes import RouterProcess

SHORT_LEASE: Mapping[str, float] = {"lease_seconds": 2.5, "heartbeat_seconds": 0.4, "drain_serve_seconds": 0.3}
"""A dead router's rows are another's within seconds. A lease must outlive a delivery: see FAST."""


LONG_DRAIN: Mapping[str, float] = {**SHORT_LEASE, "drain_serve_seconds": 3.0}
"""A drain must outlast the time that a load balancer takes to notice it, also on a machine that is busy."""

FAST: Mapping[str, Any] = {"timeoutMs": 1000, "rateLimit": {"messagesPerMinute": 60_000}}
"""`spec.router` of routers with a short lease."""

HELD: Mapping[str, Any] = {**FAST, "timeoutMs": 5000}
"""Where a service answers nothing until a router was killed: leases become longer with it, by a few seconds."""

PATIENT: Mapping[str, Any] = {**FAST, "timeoutMs": 30_000}
"""Where each delivery is counted: none is tried again because the machine was busy."""


class Fleet:
    """Starts routers; those that still run at the end are killed."""

    def __init__(self, config: Path, database_url: str, limits: Mapping[str, Any]) -> None:
        self.routers: list[RouterProcess] = []
        self.in_rotation: list[RouterProcess] = []
        self._config = config
        self._database_url = database_url
        self._limits = limits
        self._turn = 0

    async def start(
        self,
        *,
        ready: bool = True,
        clock_ahead: float = 0.0,
        config: Path | None = None,
        env: Mapping[str, str] | None = None,
        limits: Mapping[str, Any] | None = None,
        database_url: str | None = None,
        open_files: int | None = None,
        public_port: int | None = None,
    ) -> RouterProcess:
        """One more router; what is not given is the fleet's."""
        public, internal = public_port or free_port(), free_port()
        wanted = json.dumps({**self._limits, **(limits or {})})
        arguments = ["--config", str(config or self._config), "--port", str(public), "--internal-port", str(internal)]
        module, before = "tests.support.router_main", []
        if clock_ahead:
            module, before = "tests.support.clock_off", [str(clock_ahead), module]
        if open_files:
            arguments += ["--open-files", str(open_files)]
        root = Path(__file__).parents[2]
        process = await RouterProcess.start(
            *before,
            *arguments,
            "--limits",
            wanted,
            env=environment(database_url or self._database_url, PYTHONPATH=str(root), **(env or {})),
            module=module,
        )
        process.public_port, process.internal_port = public, internal
        self.routers.append(process)
        if ready:
            await process.wait_until_ready()
            self.in_rotation.append(process)
        return process

    async def kill(self, process: RouterProcess) -> None:
        await process.kill()
        self.routers.remove(process)
        self.in_rotation.remove(process)

    def pick_any(self) -> str:
        """The URL of a router, another one each time."""
        self._turn += 1
        return self.routers[self._turn % len(self.routers)].url

    def pick_ready(self) -> str:
        """As a load balancer: the URL of a router that is ready, another one each time."""
        self._turn += 1
        return self.in_rotation[self._turn % len(self.in_rotation)].url

    async def replace(self, process: RouterProcess, *, env: Mapping[str, str] | None = None) -> None:
        """As a rolling update: a new one, then the old one drains; out of the rotation when it says it is not ready."""
        await self.start(env=env)
        process.terminate()
        async with httpx.AsyncClient(timeout=5) as client:
            while await _is_ready(client, process):  # noqa: ASYNC110 - it is the router that is asked, not a flag
                await asyncio.sleep(0.02)
        self.in_rotation.remove(process)
        code = await process.wait()
        assert code == 0, process.output()
        self.routers.remove(process)

    def urls(self) -> list[str]:
        return [process.url for process in self.routers]


async def _is_ready(client: httpx.AsyncClient, process: RouterProcess) -> bool:
    try:
        answer = await client.get(f"{process.internal_url}/readyz")
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


@asynccontextmanager
async def fleet(
    config: Path, database_url: str, *, count: int = 1, limits: Mapping[str, Any] = SHORT_LEASE
) -> AsyncIterator[Fleet]:
    """`count` ready routers."""
    made = Fleet(config, database_url, limits)
    try:
        for _ in range(count):
            await made.start(ready=False)
        for process in made.routers:
            await process.wait_until_ready()
        made.in_rotation = list(made.routers)
        yield made
    finally:
        for process in made.routers:
            await process.kill()
