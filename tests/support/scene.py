"""A router (or more) over a database of its own, the services that its routes lead to, and a Graph API: one fixture."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from tests.support import meta
from tests.support.config import APP_SECRET, config, environment
from tests.support.config import route as as_route
from tests.support.ports import free_port
from tests.support.postgres import Databases
from tests.support.processes import RouterProcess
from tests.support.services import FakeService, GraphApi, Received

WAIT_SECONDS = 30.0
CLOCK_ERROR = timedelta(milliseconds=50)
"""Between two times that a router tells: it measures the database's clock anew with each connection."""
_POLL_SECONDS = 0.02
_ROOT = Path(__file__).parents[2]
_numbers = itertools.count(1)

Fields = Mapping[str, Any]

QUICK_END: Mapping[str, Any] = {"drain_serve_seconds": 0.1}
"""Nobody learns late of the end of a test's router."""

TOWN: Mapping[str, Fields] = {
    "mobility": {
        "menu": {"key": "1", "title": "Rides", "description": "Taxi and moto"},
        "keywords": ["ride", "taxi", "moto"],
        "statePrefixes": ["trip_"],
        "accepts": ["audio", "voice"],
    },
    "insurance": {
        "menu": {"key": "2", "title": "Insurance"},
        "keywords": ["insurance", "cover"],
        "statePrefixes": ["ins_"],
    },
    "jobs": {"menu": {"key": "3", "title": "Jobs"}, "keywords": ["job", "gig"], "statePrefixes": ["job_"]},
}
"""Three services of a company; each module takes what it needs."""


def number() -> str:
    """A phone number that no other test uses."""
    return f"49170{next(_numbers):07d}"


class Scene:
    """`async with scene(...) as it`: what the tests of a module share."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url = database_url
        self.folder = folder
        self.services: dict[str, FakeService] = {}
        self.graph = GraphApi()
        self.routers: list[RouterProcess] = []
        self._stack = AsyncExitStack()
        self._routes: dict[str, dict[str, Any]] = {}
        self._spec: dict[str, Any] = {}
        self._environment: dict[str, str] = {}
        self._limits: dict[str, Any] = {}
        self._configs = itertools.count(1)

    # -- what there is ------------------------------------------------------------------------------------------

    @property
    def router(self) -> RouterProcess:
        """The first one."""
        return self.routers[0]

    async def __aenter__(self) -> Self:
        self._connection: AsyncConnection[DictRow] = await AsyncConnection.connect(
            self.database_url, autocommit=True, row_factory=dict_row
        )
        self._stack.push_async_callback(self._connection.close)
        self.http = await self._stack.enter_async_context(httpx.AsyncClient(timeout=WAIT_SECONDS))
        await self._stack.enter_async_context(self.graph)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.routers:
            await process.kill()
        await self._stack.aclose()

    async def describe(
        self,
        routes: Mapping[str, Fields],
        spec: Mapping[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        """What the next routers are told. A service is started for each route that names no `url`, once."""
        for name, fields in routes.items():
            if "url" not in fields and name not in self.services:
                self.services[name] = await self._stack.enter_async_context(FakeService())
        self._routes = {name: dict(fields) for name, fields in routes.items()}
        self._spec = dict(spec)
        self._environment = dict(env or {})
        self._limits = {**QUICK_END, **(limits or {})}

    def write_config(self, changes: Mapping[str, Fields] | None = None) -> Path:
        """The config as a file; `changes` are to routes, by their names."""
        routes = []
        for name, fields in self._routes.items():
            known = {**fields, **(changes or {}).get(name, {})}
            routes.append(as_route(name, known.pop("url", None) or self.services[name].url, **known))
        graph_url = f"http://127.0.0.1:{self.graph.port}/v23.0"
        path = self.folder / f"config-{next(self._configs)}.yaml"
        path.write_text(json.dumps(config(*routes, graph_api_url=graph_url, **self._spec), indent=2))
        return path

    async def start(self, *, changes: Mapping[str, Fields] | None = None, ready: bool = True) -> RouterProcess:
        """One more router."""
        ports = free_port(), free_port()
        arguments = ["--config", str(self.write_config(changes)), "--port", str(ports[0])]
        arguments += ["--internal-port", str(ports[1]), "--limits", json.dumps(self._limits)]
        env = environment(self.database_url, PYTHONPATH=str(_ROOT), **self._environment)
        process = await RouterProcess.start(*arguments, env=env, module="tests.support.router_main")
        process.public_port, process.internal_port = ports
        self.routers.append(process)
        if ready:
            await process.wait_until_ready()
        return process

    async def stop(self, process: RouterProcess | None = None) -> None:
        """Kill a router; its lease is taken back as if it had run out."""
        process = process or self.router
        await process.kill()
        self.routers.remove(process)
        await self.rows("UPDATE router_instances SET lease_until = now() - interval '1 s'")

    async def drain(self) -> None:
        """Ends every router as Kubernetes does, and checks that each drained and met no defect."""
        for process in self.routers:
            if process.returncode is None:
                process.terminate()
        for process in self.routers:
            assert await process.wait() == 0, process.output()
            assert "Traceback" not in "\n".join(process.errors), process.output()

    # -- what Meta does -----------------------------------------------------------------------------------------

    async def post(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        secret: str = APP_SECRET,
        router: RouterProcess | None = None,
    ) -> httpx.Response:
        """A signed notification; `headers` come on top, and replace."""
        url = (router or self.router).url
        return await self.http.post(url, content=body, headers={**meta.signed(body, secret), **(headers or {})})

    async def send(self, *messages: meta.Json, router: RouterProcess | None = None) -> httpx.Response:
        """Messages in one notification, accepted."""
        answer = await self.post(meta.body(*messages), router=router)
        assert answer.status_code == 200, answer.text
        return answer

    async def insist(self, message: meta.Json) -> None:
        """One message as Meta sends it: again after a 503, until it is accepted."""
        give_up = time.monotonic() + WAIT_SECONDS
        answer = await self.post(meta.body(message))
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < give_up:
            await asyncio.sleep(0.1)
            answer = await self.post(meta.body(message))
        assert answer.status_code == httpx.codes.OK, answer.text

    async def say(self, text: str, sender: str, *, router: RouterProcess | None = None) -> tuple[str, str]:
        """One text message, accepted; route and reason of the decision."""
        answer = await self.send(meta.text(text, sender), router=router)
        return answer.headers["x-routed-service"], answer.headers["x-routing-reason"]

    # -- what came of it ----------------------------------------------------------------------------------------

    async def got(self, service: str, key: str) -> Received:
        """The first request of a service with this Idempotency-Key."""
        fake = self.services[service]
        found: list[Received] = []

        def came() -> bool:
            found[:] = [request for request in fake.requests if request.key == key]
            return bool(found)

        await fake.wait_until(came, WAIT_SECONDS, f"{key} at {service}")
        return found[0]

    async def rows(self, statement: str, *values: Any) -> list[DictRow]:
        """The rows of a test's own statement."""
        cursor = await self._connection.execute(statement.encode(), values or None)
        return await cursor.fetchall() if cursor.description else []

    async def row(self, statement: str, *values: Any) -> DictRow:
        """Exactly one."""
        (row,) = await self.rows(statement, *values)
        return row

    async def value(self, statement: str, *values: Any) -> Any:
        """One row's one column."""
        (value,) = (await self.row(statement, *values)).values()
        return value

    async def until(self, expected: object, statement: str, *values: Any, seconds: float = WAIT_SECONDS) -> None:
        """Returns when `value` is as expected; TimeoutError tells what it was."""
        give_up = time.monotonic() + seconds
        while (value := await self.value(statement, *values)) != expected:
            if time.monotonic() > give_up:
                raise TimeoutError(f"{statement!r} is {value!r}, not {expected!r}; router:\n{self.router.output()}")
            await asyncio.sleep(_POLL_SECONDS)

    async def until_breaker(self, service: str, state: str) -> None:
        """Returns when each router knows this state of a service's circuit breaker."""
        give_up = time.monotonic() + WAIT_SECONDS
        for process in self.routers:
            while (await self.http.get(process.health_url)).json()["circuitBreakers"][service] != state:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"the breaker of {service} is not {state}; router:\n{process.output()}")
                await asyncio.sleep(_POLL_SECONDS)

    async def settled(self) -> None:
        """Returns when the inbox is empty."""
        await self.until(0, "SELECT count(*) FROM inbox")

    async def dead_letter(self, key: str) -> DictRow:
        """The dead letter of an event, as soon as there is one."""
        await self.until(1, "SELECT count(*) FROM wa_dead_letter_queue WHERE idempotency_key = %s", key)
        return await self.row("SELECT * FROM wa_dead_letter_queue WHERE idempotency_key = %s", key)

    async def session(self, sender: str) -> DictRow:
        """What is kept of a sender."""
        return await self.row("SELECT * FROM user_sessions WHERE phone_number = %s", sender)


@asynccontextmanager
async def scene(
    databases: Databases,
    folder: Path,
    routes: Mapping[str, Fields],
    *,
    routers: int = 1,
    env: Mapping[str, str] | None = None,
    limits: Mapping[str, Any] | None = None,
    **spec: Any,
) -> AsyncIterator[Scene]:
    """Ready routers over a fresh database. `spec` adds top-level fields of the spec, `limits` replaces limits."""
    with databases.fresh() as url:
        async with Scene(url, folder) as it:
            await it.describe(routes, spec, env=env, limits=limits)
            await asyncio.gather(*(it.start() for _ in range(routers)))
            yield it
            await it.drain()


def connect(database_url: str) -> psycopg.Connection[DictRow]:
    """A connection of a test's own."""
    return psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
