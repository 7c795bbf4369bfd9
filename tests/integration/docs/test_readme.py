"""README.md: its commands are run, and what they print is compared with what it shows."""

import asyncio
import os
import sys
from pathlib import Path

from tests.support.pages import ON_A_CLUSTER, ROOT, elsewhere, walk
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.shell import Shell

PAGE = ROOT / "README.md"
COMMAND = Path(sys.executable).with_name("webhookcore")
CHECKOUT = "/home/you/webhook-core"


class LocalRun:
    """`make run` as the page shows it: in a folder of the test's own, on ports that are free."""

    def __init__(self, folder: Path) -> None:
        ports = {name: str(free_port()) for name in ("8080", "9090", "8091", "8092", "8093")}
        self.shown = {port: name for name, port in ports.items()} | {
            f"{COMMAND.parents[1]}/": ".venv/",
            str(folder): CHECKOUT,
        }
        config = (ROOT / "examples/webhookcoreconfig.yaml").read_text(encoding="utf-8")
        for name in ("8091", "8092", "8093"):
            config = config.replace(f":{name}/", f":{ports[name]}/")
        (folder / "webhookcoreconfig.yaml").write_text(config, encoding="utf-8")
        self._arguments = (
            *("run", "--config", "webhookcoreconfig.yaml"),
            *("--port", ports["8080"], "--internal-port", ports["9090"]),
        )
        self._folder = folder
        self._told = 0
        self._awaited = 0

    async def start(self) -> str:
        """Everything up to the end of its greeting."""
        self.process = await Process.start(*self._arguments, env={}, cwd=self._folder)
        await self.process.wait_for_line("Ctrl-C stops everything.", 90)
        return self._new()

    async def hear_of_it(self) -> None:
        """Of one more message, at whoever got it."""
        self._awaited += 1
        wanted = self._told + self._awaited
        await self.process.wait_until(lambda: len(self.process.lines) >= wanted, 30, "a message's arrival")

    async def news(self, _shown: str) -> str:
        """What it has said since."""
        self._awaited = 0
        return self._new()

    def _new(self) -> str:
        lines, self._told = self.process.lines[self._told :], len(self.process.lines)
        text = "\n".join(lines)
        for real, shown in self.shown.items():
            text = text.replace(real, shown)
        return text


async def test_readme(tmp_path: Path) -> None:
    """Whoever types what the page says sees what it shows."""
    local = LocalRun(tmp_path)
    shell = Shell(
        {"PATH": os.environ["PATH"]},
        tmp_path,
        typed={".venv/bin/webhookcore": str(COMMAND), "make help": f"make --no-print-directory -C {ROOT} help"},
    )

    async def console(text: str) -> str:
        if text.startswith("$ make run"):
            return f"$ make run\n{await local.start()}"
        real = await shell.show(text)
        if "webhookcore send" in text:
            await local.hear_of_it()
        return real

    try:
        await walk(PAGE, show={"console": console, "text": local.news, ON_A_CLUSTER: elsewhere})
        local.process.interrupt()
        async with asyncio.timeout(60):
            assert await local.process.wait() == 0
    finally:
        await local.process.kill()
