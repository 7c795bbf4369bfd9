"""Runs the commands of a page's console blocks: `$ command`, and below it what it prints."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from webhookcore_cli.local.orphans import ends_with_parent

SECONDS = 60.0
_PROMPT = "$ "


class Shell:
    """`show` is for `pages.walk`. `typed` is what stands for a part of a command, `shown` for a part of its output;
    `seconds` is the longest that a command may take.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        folder: Path,
        *,
        typed: Mapping[str, str] | None = None,
        shown: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        kept = {name: text for name, text in os.environ.items() if name in {"HOME", "LANG"} or name[:9] == "COVERAGE_"}
        self._env = {**kept, **env}
        self._folder = folder
        self._typed = typed or {}
        self._shown = shown or {}
        self._seconds = seconds

    async def show(self, text: str) -> str:
        """Runs each command of a block; the block as it is in truth."""
        blocks = [line for line in text.split("\n") if line.startswith(_PROMPT)]
        return "\n".join([f"{line}\n{await self.run(line.removeprefix(_PROMPT))}".rstrip() for line in blocks])

    async def run(self, command: str) -> str:
        """Both outputs, as a terminal shows them."""
        for typed, meant in self._typed.items():
            command = command.replace(typed, meant)
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command),
            env=self._env,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=ends_with_parent(signal.SIGKILL),
        )
        async with asyncio.timeout(self._seconds):
            out, _ = await process.communicate()
        output = out.decode()
        for real, shown in self._shown.items():
            output = output.replace(real, shown)
        return output
