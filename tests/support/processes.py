"""Routers and jobs as processes of their own, to be killed, stopped and continued as in life."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from tests.support.ports import free_port

from webhookcore_cli.local.orphans import ends_with_parent

READY_SECONDS = 60.0


class Process:
    """`webhookcore <arguments>` as a process; its output is collected as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._changed = asyncio.Event()
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.lines)),
            asyncio.create_task(self._read(process.stderr, self.errors)),
        ]

    @classmethod
    async def start(
        cls, *arguments: str, env: Mapping[str, str], cwd: Path | None = None, module: str = "webhookcore_cli"
    ) -> Self:
        """`env` is added to what a process needs at all; the caller's DATABASE_URL and the like are not passed on."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            env={**bare_environment(), **env},
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**22,
            preexec_fn=ends_with_parent(signal.SIGKILL),
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def output(self) -> str:
        """Everything so far, for the message of a failed assertion."""
        return "\n".join([*self.lines, *self.errors])

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The JSON event lines so far; `name`: only those."""
        parsed = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [line for line in parsed if "event" in line and name in (None, line["event"])]

    def result(self) -> dict[str, Any]:
        """A job's last line."""
        last: dict[str, Any] = json.loads(self.lines[-1])
        return last

    async def wait_until(self, happened: Callable[[], bool], seconds: float = 30.0, what: str = "it") -> None:
        """Return when `happened()` is true; asked again after each line of output."""
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"waited {seconds} s for {what}; the process said:\n{self.output()}") from None

    async def wait_for_line(self, part: str, seconds: float = 30.0) -> str:
        """The first line, of either output, that contains `part`."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in [*self.lines, *self.errors] if part in line]
            return bool(found)

        await self.wait_until(seen, seconds, repr(part))
        return found[0]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.send(signal.SIGINT)

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    async def wait(self, seconds: float = 60.0) -> int:
        """The exit code, all output read; TimeoutError shows the output so far."""
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
                await asyncio.gather(*self._readers)
        except TimeoutError:
            raise TimeoutError(f"still running after {seconds} s; the process said:\n{self.output()}") from None
        return code

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone; nothing where it has ended already."""
        if self._process.returncode is None:
            self._process.kill()
        await self.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def _read(self, stream: asyncio.StreamReader | None, into: list[str]) -> None:
        assert stream is not None
        async for line in stream:
            into.append(line.decode(errors="replace").rstrip("\n"))
            self._changed.set()
        self._changed.set()


class RouterProcess(Process):
    """A `webhookcore router`. `url` takes Meta's POSTs, `internal_url` is the internal listener."""

    public_port: int = 0
    internal_port: int = 0
    path: str = "/wa-webhook-core"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.public_port}{self.path}"

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.public_port}/health"

    @property
    def internal_url(self) -> str:
        return f"http://127.0.0.1:{self.internal_port}"

    async def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until /readyz says 200; RuntimeError with the output where the process ends instead."""
        give_up = asyncio.get_running_loop().time() + seconds
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                if self.returncode is not None:
                    await self.wait()
                    raise RuntimeError(f"the router ended with {self.returncode}:\n{self.output()}")
                try:
                    answer = await client.get(f"{self.internal_url}/readyz")
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == httpx.codes.OK:
                    return
                if asyncio.get_running_loop().time() > give_up:
                    raise TimeoutError(f"the router was not ready after {seconds} s:\n{self.output()}")
                await asyncio.sleep(0.02)


async def start_router(
    config: Path,
    env: Mapping[str, str],
    *,
    public_port: int | None = None,
    internal_port: int | None = None,
    ready: bool = True,
) -> RouterProcess:
    """A router over `config`; on free ports unless told which. The caller ends it."""
    public, internal = public_port or free_port(), internal_port or free_port()
    arguments = ("router", "--config", str(config), "--port", str(public), "--internal-port", str(internal))
    process = await RouterProcess.start(*arguments, env=env)
    process.public_port, process.internal_port = public, internal
    if ready:
        try:
            await process.wait_until_ready()
        except BaseException:
            await process.kill()
            raise
    return process


@asynccontextmanager
async def router(
    config: Path, env: Mapping[str, str], *, public_port: int | None = None, internal_port: int | None = None
) -> AsyncIterator[RouterProcess]:
    """A ready router for the time of the block; killed at its end if it still runs."""
    async with await start_router(config, env, public_port=public_port, internal_port=internal_port) as process:
        yield process


async def run(*arguments: str, env: Mapping[str, str], seconds: float = 60.0, cwd: Path | None = None) -> Process:
    """Run `webhookcore <arguments>` to its end."""
    async with await Process.start(*arguments, env=env, cwd=cwd) as process:
        await process.wait(seconds)
    return process


def bare_environment() -> dict[str, str]:
    """What a process needs to start, and what coverage needs to measure it."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    return {name: text for name, text in os.environ.items() if name in kept or name.startswith("COVERAGE_")}
