"""Several routers over one database, with limits of the test's own, to be killed, stopped and replaced."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.config import environment
from tests.support.ports import free_port
from tests.support.processes import RouterProcess

SHORT_LEASE: Mapping[str, float] = {"lease_seconds": 2.5, "heartbeat_seconds": 0.4, "drain_serve_seconds": 0.3}
"""A dead router's rows are another's within seconds. A lease must outlive a delivery: see FAST."""


FAST: Mapping[str, Any] = {"timeoutMs": 1000, "rateLimit": {"messagesPerMinute": 60_000}}
"""`spec.router` of routers with a short lease."""


class Fleet:
    """Starts routers; those that still run at the end are killed."""

    def __init__(self, config: Path, database_url: str, limits: Mapping[str, Any]) -> None:
        self.routers: list[RouterProcess] = []
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
    ) -> RouterProcess:
        """One more router; what is not given is the fleet's."""
        public, internal = free_port(), free_port()
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
        return process

    async def kill(self, process: RouterProcess) -> None:
        await process.kill()
        self.routers.remove(process)

    def pick_any(self) -> str:
        """The URL of a router, another one each time."""
        self._turn += 1
        return self.routers[self._turn % len(self.routers)].url

    def urls(self) -> list[str]:
        return [process.url for process in self.routers]


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
        yield made
    finally:
        for process in made.routers:
            await process.kill()
