"""The dlq-processor on a terminal: a bar for whoever watches, and the same events and result."""

import asyncio
import json
import os
import pty
import sys
from pathlib import Path

import pytest
from tests.support.config import environment, route, write_config
from tests.support.dead_letters import insert_many
from tests.support.internal_listener import InternalListener


@pytest.mark.parametrize("stdout_too", [True, False])
async def test_progress_on_a_terminal(tmp_path: Path, database_url: str, stdout_too: bool) -> None:
    """The bar is on the terminal, whether stdout is one too or goes elsewhere; stdout's lines are whole."""
    insert_many(database_url, 60)
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/webhook"), dlq={"concurrency": 5})
    master, terminal = pty.openpty()
    async with InternalListener(delay=0.05) as listener:
        env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=listener.base_url)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "webhookcore_cli", "dlq-processor", "--config", str(config)),
            env={**os.environ, **env, "COLUMNS": "400", "TERM": "xterm"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=terminal if stdout_too else asyncio.subprocess.PIPE,
            stderr=terminal,
        )
        os.close(terminal)
        shown = asyncio.create_task(asyncio.to_thread(_read_all, master))
        output, _ = await process.communicate()
        screen = await shown
    assert process.returncode == 0
    assert "redelivering" in screen
    assert "delivered, 0 failed, 0 parked" in screen
    if not stdout_too:
        lines = [json.loads(line) for line in output.decode().splitlines()]
        assert len(lines) == 63
        assert lines[-1]["successful"] == 60
        assert "DLQ_MESSAGE_PROCESSED" not in screen
    else:
        assert screen.count("DLQ_MESSAGE_PROCESSED") == 60
        last = screen.strip().splitlines()[-1]
        assert json.loads(last[last.index("{") :])["successful"] == 60


def _read_all(descriptor: int) -> str:
    """What the terminal got until its last writer was gone."""
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:  # how Linux says that nobody writes any more
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts).decode(errors="replace")
