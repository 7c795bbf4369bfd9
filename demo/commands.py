"""Runs a command of `webhookcore` to its end, as a person or a CronJob would, and reads the JSON that it prints."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from webhookcore_cli.local.orphans import ends_with_parent


@dataclass(frozen=True, slots=True)
class Finished:
    """`result` is the last JSON document on stdout, empty where there is none."""

    code: int
    result: Mapping[str, Any]
    errors: str
    """The last line on stderr."""


async def run(arguments: Sequence[str], env: Mapping[str, str]) -> Finished:
    """Killed when this is cancelled, or when this process dies."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webhookcore_cli", *arguments),
        env=dict(env),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        # Ctrl-C belongs to the parent.
        start_new_session=True,
        preexec_fn=ends_with_parent(signal.SIGKILL),
    )
    try:
        out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Finished(process.returncode or 0, last_document(out.decode()), "".join(errors.decode().splitlines()[-1:]))


def last_document(text: str) -> Mapping[str, Any]:
    """The last of the JSON objects that follow each other in a text, on one line each or on many."""
    decoder = json.JSONDecoder()
    found: Mapping[str, Any] = {}
    position = text.find("{")
    while position >= 0:
        try:
            document, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            found = document
        position = text.find("{", end)
    return found
