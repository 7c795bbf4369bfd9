"""The dlq-processor with settings of its own, run in the test's process; and what its result says."""

import asyncio
from pathlib import Path
from typing import Any

from tests.support.config import environment, route, write_config
from tests.support.dead_letters import rows

from webhookcore.settings import Settings, load_settings
from webhookcore_workers import dlq_processor
from webhookcore_workers.job import JobResult


class Processor:
    """The job with settings of its own, run in this process."""

    def __init__(self, folder: Path, database_url: str, router_url: str, **dlq: Any) -> None:
        self.config = write_config(
            folder, route("rides", "http://127.0.0.1:9/webhook"), router={"timeoutMs": 1000}, dlq=dlq
        )
        self.env = environment(database_url, WEBHOOKCORE_ROUTER_INTERNAL_URL=router_url)
        self.settings: Settings = load_settings(self.config, self.env)

    async def run(self, stop: asyncio.Event | None = None) -> JobResult:
        return await dlq_processor.run(self.settings, stop)


def counts(result: JobResult) -> dict[str, Any]:
    return {name: value for name, value in result.result.items() if name != "durationMs"}


def expected(**changes: Any) -> dict[str, Any]:
    nothing = {"processed": 0, "successful": 0, "failed": 0, "abandoned": 0, "parked": 0, "unreached": 0, "lost": 0}
    return {"success": True} | nothing | changes


def leases(url: str) -> int:
    return len(rows(url, "id", "lease_owner IS NOT NULL"))
