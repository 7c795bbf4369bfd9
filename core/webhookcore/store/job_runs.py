"""The runs of the jobs: one row each, from its start to its result."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from webhookcore.store.database import Connection
from webhookcore.store.statements import load

_SQL = load("job_runs")


async def begin(conn: Connection, *, jobname: str, runid: UUID, now: datetime, forgotten_before: datetime) -> None:
    """Notes that a run starts, and that those which started before `forgotten_before` and still run never ended."""
    forgotten = Jsonb({"success": False, "error": "the process ended without a result"})
    async with conn.transaction():
        values = {"jobname": jobname, "now": now, "before": forgotten_before, "result": forgotten}
        await conn.execute(_SQL["close_forgotten"], values)
        await conn.execute(_SQL["begin"], {"jobname": jobname, "runid": runid, "now": now})


async def end(
    conn: Connection, *, jobname: str, runid: UUID, now: datetime, succeeded: bool, result: Mapping[str, object]
) -> None:
    """Notes a run's result."""
    status = "succeeded" if succeeded else "failed"
    values = {"jobname": jobname, "runid": runid, "now": now, "status": status, "result": Jsonb(dict(result))}
    await conn.execute(_SQL["end"], values)
