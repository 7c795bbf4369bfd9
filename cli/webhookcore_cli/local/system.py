"""Everything that one `webhookcore run` starts: in which order, and in which order it ends."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from webhookcore.settings import WebhookCoreSpec
from webhookcore_cli import configuration
from webhookcore_cli.local import banner, router_events
from webhookcore_cli.local.children import Children
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.data_folder import DataFolder, Running
from webhookcore_cli.local.environment import Environment, needs_graph_api
from webhookcore_cli.local.examples import ExampleGraphApi, ExampleServices, loopback_routes
from webhookcore_cli.local.listeners import check_free
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_cli.local.scheduled_job import ScheduledJob, plans
from webhookcore_cli.local.small_http import LOOPBACK
from webhookcore_cli.local.supervised_router import SupervisedRouter
from webhookcore_cli.trouble import TroubleError

POSTGRES_LOOK_SECONDS: Final = 0.5
PROGRESS_SECONDS: Final = 5.0
EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - to tell it from one address


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    config: Path
    host: str
    port: int
    internal_port: int
    data_dir: Path
    examples: bool
    database_url: str | None = field(default=None, repr=False)
    """A Postgres of the user's own; None: an embedded one."""

    @property
    def public_address(self) -> str:
        """The public listener, as it is reached from this machine."""
        return f"http://{_reached_at(self.host)}:{self.port}"

    @property
    def internal_address(self) -> str:
        return f"http://{_reached_at(self.host)}:{self.internal_port}"


class LocalSystem:
    """`run` starts all and watches over it; `stop` ends it. `hurry` set: what still runs is killed."""

    def __init__(
        self,
        options: Options,
        spec: WebhookCoreSpec,
        environ: Mapping[str, str],
        console: Console,
        *,
        hurry: asyncio.Event,
    ) -> None:
        self._options = options
        self._spec = spec
        self._environ = environ
        self._console = console
        self._hurry = hurry
        self._stack = AsyncExitStack()
        self._watched: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Ends by being cancelled, or with TroubleError for what cannot be started or mended."""
        options = self._options
        check_ports(options)
        folder = DataFolder.open(options.data_dir)
        self._stack.callback(folder.close)
        graph = await self._start_graph_api()
        postgres = None if options.database_url else self._make_postgres(folder)
        environment = Environment.prepare(options.config, self._spec, self._environ, folder, graph)
        env = {
            **environment.variables,
            "DATABASE_URL": postgres.url() if postgres else options.database_url or "",
            "WEBHOOKCORE_ROUTER_INTERNAL_URL": options.internal_address,
        }
        # Secrets are part of what can be wrong: all of it is told before anything is started.
        configuration.load(options.config, env)
        children = Children(env, folder.logs, self._hurry)
        if postgres:
            self._start_postgres(postgres)
        await self._migrate(children)
        services = await self._start_examples() if options.examples else []
        await self._start_router(children, environment.config)
        running = Running(
            pid=os.getpid(),
            url=f"{options.public_address}{self._spec.router.path}",
            internal_url=env["WEBHOOKCORE_ROUTER_INTERNAL_URL"],
            database_url=env["DATABASE_URL"],
            source=str(options.config.resolve()),
            config=str(environment.config),
            made=environment.made,
            secrets_dir=env["WEBHOOKCORE_SECRETS_DIR"],
            socket_dir=str(postgres.socket_dir) if postgres else "",
        )
        folder.tell(running)
        jobs = self._schedule_jobs(children, environment.config)
        self._console.write(
            banner.text(running, folder, environment, services=services, graph=graph, jobs=jobs, postgres=postgres)
        )
        # The watchers run until they are cancelled: whatever ends here ended with a reason.
        done, _ = await asyncio.wait(self._watched, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """End everything: no new job, jobs that run give their leases back, the router drains, Postgres is last."""
        for task in self._watched:
            task.cancel()
        await asyncio.gather(*self._watched, return_exceptions=True)
        await self._stack.aclose()

    def _make_postgres(self, folder: DataFolder) -> EmbeddedPostgres:
        postgres = EmbeddedPostgres(folder.postgres, folder.logs / "postgres.log")
        self._stack.callback(postgres.close)
        return postgres

    def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        if not postgres.data.exists():
            self._console.say("postgres", f"making a new database in {postgres.data}")
        postgres.start()
        self._watched.append(asyncio.create_task(self._watch_postgres(postgres)))

    async def _watch_postgres(self, postgres: EmbeddedPostgres) -> None:
        """Start it again when it dies. That holds this process up for a moment: only its main thread may start it."""
        while True:
            await asyncio.sleep(POSTGRES_LOOK_SECONDS)
            if postgres.process is not None and (code := postgres.process.poll()) is not None:
                self._console.say("postgres", f"ended by itself (exit code {code}); starting it again")
                postgres.start()
                self._console.say("postgres", "back; nothing that was accepted is lost")

    async def _start_graph_api(self) -> ExampleGraphApi | None:
        """Stands in for WhatsApp where menus would be sent without a real access token."""
        if not needs_graph_api(self._options.config, self._spec, self._environ):
            return None
        graph = ExampleGraphApi(self._console)
        await self._stack.enter_async_context(graph.server)
        return graph

    async def _migrate(self, children: Children) -> None:
        """As a process of its own, like the Job in a cluster."""
        marks = children.marks("migrate")
        process = await children.start("migrate")
        ended = asyncio.create_task(process.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=PROGRESS_SECONDS))[0]:
                self._console.say("migrate", children.last_lines("migrate", marks)[1] or "under way")
        finally:
            await children.stop(process, 5)
        if process.returncode != 0:
            out, errors = children.last_lines("migrate", marks)
            log = children.errors("migrate")
            raise TroubleError(
                f"the database could not be migrated: {errors or out} (see {log})", process.returncode or 1
            )

    async def _start_examples(self) -> list[ExampleServices]:
        started = []
        for port, routes in loopback_routes(self._spec.routes).items():
            services = ExampleServices(routes, port, self._console)
            if problem := check_free(LOOPBACK, port):
                names = ", ".join(services.names)
                self._console.say("run", f"no example service for {names}: {problem}, which gets what is sent there")
                continue
            await self._stack.enter_async_context(services.server)
            started.append(services)
        return started

    async def _start_router(self, children: Children, config: Path) -> None:
        options = self._options
        arguments = ["--config", str(config), "--host", options.host, "--port", str(options.port)]
        arguments += ["--internal-port", str(options.internal_port), "--drain-seconds", "0"]
        self._watched.append(
            asyncio.create_task(router_events.follow(router_events.Tail(children.out("router")), self._console))
        )
        router = SupervisedRouter(children, arguments, options.internal_address, self._console)
        self._stack.push_async_callback(router.stop)
        await router.start()
        self._watched.append(asyncio.create_task(router.watch()))

    def _schedule_jobs(self, children: Children, config: Path) -> dict[str, datetime | None]:
        """Start both schedules; when each runs next, None where it is suspended."""
        following: dict[str, datetime | None] = {}
        for plan in plans(self._spec):
            following[plan.name] = None if plan.suspended else plan.schedule.next_after(_now())
            if not plan.suspended:
                job = ScheduledJob(plan, children, ["--config", str(config)], self._console, _now)
                self._watched.append(asyncio.create_task(job.keep()))
        return following


def check_ports(options: Options) -> None:
    """TroubleError with every port that cannot be listened on, and by whom it is taken."""
    wanted = {"--port": options.port, "--internal-port": options.internal_port}
    if len(set(wanted.values())) < len(wanted):
        raise TroubleError(f"--port and --internal-port are both {options.port}. Choose different ones.")
    problems = [
        f"{problem}; choose another with {option}"
        for option, port in wanted.items()
        if (problem := check_free(options.host, port))
    ]
    if problems:
        raise TroubleError("\n".join(problems))


def _reached_at(host: str) -> str:
    if host in EVERY_ADDRESS:
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def _now() -> datetime:
    return datetime.now(UTC)
