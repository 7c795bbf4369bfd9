"""The parts of Webhook Core as children of the local mode: started, stopped, and what they said."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhookcore_cli.local.orphans import ends_with_parent

_TAIL_BYTES: Final = 65_536
_LOG_BYTES: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Children:
    """Starts `webhookcore <part>` in one environment; a part's output goes to `<part>.jsonl` and `<part>.log`.

    Files, not pipes: a terminal that stands still never holds a router up.
    """

    env: Mapping[str, str] = field(repr=False)
    logs: Path
    hurry: asyncio.Event
    """Set: whatever is being stopped is killed instead."""

    def out(self, part: str) -> Path:
        return self.logs / f"{part}.jsonl"

    def errors(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    async def start(self, part: str, *arguments: str) -> Process:
        for log in (self.out(part), self.errors(part)):
            if log.exists() and log.stat().st_size > _LOG_BYTES:
                log.replace(log.with_name(log.name + ".old"))
        with self.out(part).open("ab") as stdout, self.errors(part).open("ab") as stderr:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "webhookcore_cli", part, *arguments),
                env=dict(self.env),
                stdin=DEVNULL,
                stdout=stdout,
                stderr=stderr,
                # Ctrl-C belongs to the parent, which ends its children in order.
                start_new_session=True,
                # What was accepted is safe in Postgres: there is nothing left to drain once the parent was killed.
                preexec_fn=ends_with_parent(signal.SIGKILL),
            )

    async def stop(self, process: Process, seconds: float) -> None:
        """SIGTERM; SIGKILL where it has not ended after `seconds`, or at once in a hurry."""
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        ended, hurried = asyncio.create_task(process.wait()), asyncio.create_task(self.hurry.wait())
        await asyncio.wait({ended, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await ended

    def marks(self, part: str) -> tuple[int, int]:
        """Where both outputs end now, for `last_lines` to look at what comes after."""
        out, errors = (path.stat().st_size if path.exists() else 0 for path in (self.out(part), self.errors(part)))
        return out, errors

    def last_lines(self, part: str, marks: tuple[int, int], count: int = 1) -> tuple[str, str]:
        """The last lines of both outputs, of what was written since `marks`; "" for none."""
        out, errors = (
            "\n".join(_since(path, mark)[-count:])
            for path, mark in zip((self.out(part), self.errors(part)), marks, strict=True)
        )
        return out, errors


def _since(path: Path, mark: int) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(mark if mark <= size else 0, size - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()
