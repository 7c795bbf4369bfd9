"""What the figures are measured on: a Postgres of its own, fresh databases, and servers on a core of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql
from tests.bench.machine import Cores, on
from tests.support.config import environment, write_config
from tests.support.ports import free_port
from tests.support.postgres import Databases

from webhookcore_cli.local.orphans import ends_with_parent
from webhookcore_cli.local.postgres import EmbeddedPostgres
from webhookcore_cli.local.small_http import LOOPBACK

ROOT: Final = Path(__file__).parents[2]
POSTGRES: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "100", "wal_init_zero": "off"}
"""Otherwise its defaults: what is committed is on the disk (fsync, synchronous_commit)."""
_READY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test: alone on its core."""

    process: subprocess.Popen[bytes]
    port: int
    internal_port: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def internal_url(self) -> str:
        return f"http://{LOOPBACK}:{self.internal_port}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Takes no time of its core meanwhile. Keep it shorter than a lease."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that ended well: its result, and how long its process lived."""

    result: dict[str, Any]
    seconds: float


class Rig:
    """`with Rig() as rig`: pins this process, then starts Postgres beside it."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.cores = Cores.of(frozenset(os.sched_getaffinity(0)))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        stack = self._stack
        stack.enter_context(on(self.cores.others))
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webhookcore-bench-")))
        self.postgres = EmbeddedPostgres(
            self.folder / "postgres", self.folder / "postgres.log", settings=POSTGRES, port=free_port()
        )
        stack.callback(self.postgres.close)
        self.postgres.start()
        self._databases = Databases(self.postgres.url(tcp=True))
        stack.callback(self._databases.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def postmaster(self) -> int:
        assert self.postgres.process is not None
        return self.postgres.process.pid

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, migrated database."""
        with self._databases.fresh() as url:
            yield url

    def alter(self, url: str, **settings: str) -> None:
        """Settings of one database; connections of later have them."""
        with psycopg.connect(url, autocommit=True) as conn:
            for name, text in settings.items():
                database = sql.Identifier(urlsplit(url).path.lstrip("/"))
                conn.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.Identifier(name), text))

    @contextmanager
    def copied(self, url: str) -> Iterator[str]:
        """A copy of a database that nobody is connected to."""
        with self._databases.fresh(migrated=False) as copy:
            name, template = (urlsplit(each).path.lstrip("/") for each in (copy, url))
            with psycopg.connect(self.postgres.url(tcp=True), autocommit=True) as conn:
                conn.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
                conn.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
            yield copy

    def config(self, *routes: Mapping[str, Any], **spec: Any) -> Path:
        """A WebhookCoreConfig file. No sender of the load meets the rate limit."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return write_config(folder, *routes, **spec)

    @asynccontextmanager
    async def router(self, config: Path, url: str, **limits: Any) -> AsyncIterator[Server]:
        """One router process; what it logs is formatted, and written to nowhere."""
        public, internal = free_port(), free_port()
        arguments = ["--config", str(config), "--port", str(public), "--internal-port", str(internal)]
        with self.process("tests.support.router_main", *arguments, "--limits", json.dumps(limits), url=url) as process:
            server = Server(process, public, internal)
            await until_answers(f"{server.internal_url}/readyz", process)
            yield server

    @asynccontextmanager
    async def hello(self) -> AsyncIterator[Server]:
        """The empty handler."""
        port = free_port()
        with self.process("tests.bench.hello", str(port)) as process:
            await until_answers(f"http://{LOOPBACK}:{port}/", process)
            yield Server(process, port)

    @contextmanager
    def process(
        self, module: str, *arguments: str, url: str = "", cores: frozenset[int] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """`python -m module` on the server's core (or others), killed at the end."""
        with (self.folder / "processes.log").open("ab") as log, on(cores or self.cores.server):
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=self.environment(url),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=ends_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call, loaded before the fork
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def job(self, name: str, config: Path, url: str, router: Server | None = None) -> Job:
        """`webhookcore <name>` from its start to its end, beside Postgres."""
        more = {"WEBHOOKCORE_ROUTER_INTERNAL_URL": router.internal_url} if router else {}
        started = time.monotonic()
        with on(self.cores.others):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "webhookcore_cli", name, "--config", str(config)),
                cwd=ROOT,
                env=self.environment(url, **more),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        output, errors = await process.communicate()
        seconds = time.monotonic() - started
        if process.returncode != 0:
            raise RuntimeError(f"{name} ended with {process.returncode}: {errors.decode(errors='replace')}")
        return Job(json.loads(output.splitlines()[-1]), seconds)

    def environment(self, url: str, **more: str) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        return {**kept, **environment(url, **more)}


async def until_answers(url: str, process: subprocess.Popen[bytes], *, pause: float = 0.01) -> float:
    """Waits for anything but an error of the network or a 503; the moment (monotonic) when it came."""
    give_up = time.monotonic() + _READY_SECONDS
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while True:
            try:
                answer = await client.get(url)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{url} does not answer; the process ended with {process.returncode}")
            await asyncio.sleep(pause)
