"""The circuit breakers' shared state: written on transitions only."""

from datetime import datetime
from uuid import UUID

from webhookcore.delivery.breaker import BreakerState, Circuit
from webhookcore.store.database import Connection
from webhookcore.store.statements import load

_SQL = load("breakers")


async def read_all(conn: Connection) -> dict[str, BreakerState]:
    """Every breaker that was ever open, by service."""
    cursor = await conn.execute(_SQL["all"])
    return {service: BreakerState(Circuit(state), *rest) for service, state, *rest in await cursor.fetchall()}


async def opened(conn: Connection, *, service: str, state: BreakerState, now: datetime) -> bool:
    """True when this call opened a closed breaker; False when another router had."""
    values = {"service": service, "failures": state.failures, "probe_at": state.probe_at, "now": now}
    return (await conn.execute(_SQL["opened"], values)).rowcount == 1


async def take_probe(conn: Connection, *, service: str, state: BreakerState, now: datetime) -> bool:
    """Writes `state` (half open, owned) if the wait is over and nobody else probes."""
    values = {"service": service, "me": state.probe_owner, "until": state.probe_at, "now": now}
    return (await conn.execute(_SQL["take_probe"], values)).rowcount == 1


async def probed(conn: Connection, *, service: str, me: UUID, state: BreakerState, now: datetime) -> bool:
    """Writes the state after a probe, closed or open again; False when the right to the probe had run out."""
    name = "closed" if state.state is Circuit.CLOSED else "opened_again"
    values = {"service": service, "me": me, "failures": state.failures, "probe_at": state.probe_at, "now": now}
    return (await conn.execute(_SQL[name], values)).rowcount == 1
