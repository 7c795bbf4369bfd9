"""From starting a router's process to its readiness, against importing what it cannot do without."""

import subprocess
import sys
import time

from tests.bench import result
from tests.bench.machine import on
from tests.bench.result import Result
from tests.bench.rig import ROOT, Rig, until_answers
from tests.support.config import route
from tests.support.ports import free_port


async def start(rig: Rig) -> list[Result]:
    """The command as a pod runs it, on a migrated database."""
    config = rig.config(route("rides", "http://127.0.0.1:9/webhook", keywords=["ride"]))
    routers, imports = [], []
    with rig.database() as url:
        for repetition in range(4 if rig.quick else 8):
            imported, ready = _import_seconds(rig), await _ready_seconds(rig, str(config), url)
            if repetition:  # the first one fills the caches
                imports.append(imported)
                routers.append(ready)
    return [
        result.ratio_at_most(
            "router start → ready", 1000 * result.median(routers), "ms", 1000 * result.median(imports), most=3
        )
    ]


async def _ready_seconds(rig: Rig, config: str, url: str) -> float:
    public, internal = str(free_port()), str(free_port())
    started = time.monotonic()
    arguments = ("router", "--config", config, "--port", public, "--internal-port", internal)
    with rig.process("webhookcore_cli", *arguments, url=url) as process:
        ready = await until_answers(f"http://127.0.0.1:{internal}/readyz", process, pause=0.002)
    return ready - started


def _import_seconds(rig: Rig) -> float:
    started = time.monotonic()
    with on(rig.cores.server):
        subprocess.run([sys.executable, "-c", "import sanic, psycopg"], cwd=ROOT, env=rig.environment(""), check=True)
    return time.monotonic() - started
