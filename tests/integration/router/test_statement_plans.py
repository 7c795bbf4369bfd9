"""How Postgres runs the router's statements: over indexes, whatever was known of the tables when they were prepared.

Those of instances.sql read few rows, or on purpose many: routers die rarely.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.support.plans import indexes, plan
from tests.support.postgres import Databases

from webhookcore.store import inbox, instances
from webhookcore.store.database import Connection, Database
from webhookcore.store.inbox import Room
from webhookcore.store.statements import load

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIG = {"inbox", "dedupe_keys", "user_sessions", "wa_dead_letter_queue"}

HOT = {
    "inbox": {
        "seen": {"dedupe_keys_pkey"},
        "sessions": {"user_sessions_phone_number_key"},
        "foreign_lanes": {"inbox_lane", "dlq_leased_lane"},
        "keep": {"router_instances_pkey"},
        "claim": {"router_instances_pkey", "inbox_waiting", "inbox_lane", "dlq_leased_lane", "inbox_pkey"},
        "delivered": {"inbox_pkey"},
        "dead_letter": {"inbox_pkey"},
        "release": {"inbox_pkey"},
        "expired": {"inbox_waiting"},
        "forgotten_routes": {"inbox_waiting"},
        "depth": {"inbox_pkey"},
    },
    "breakers": {
        "opened": set(),
        "take_probe": {"circuit_breakers_pkey"},
        "opened_again": {"circuit_breakers_pkey"},
        "closed": {"circuit_breakers_pkey"},
    },
    "service_metrics": {
        "write": set(),
        "dead_letters": {"dlq_due", "dlq_leased_lane", "dlq_abandoned"},
    },
}
"""The indexes that each statement reads."""

SCANS = {
    ("inbox", "claim"): {"dlq_leased_lane"},
    ("inbox", "forgotten_routes"): {"inbox_waiting"},
    ("inbox", "depth"): {"inbox_pkey", "inbox_lane"},
    ("service_metrics", "dead_letters"): {"dlq_due", "dlq_leased_lane", "dlq_abandoned"},
}
"""Indexes that are read without a condition: partial ones that hold few rows, one that is hopped through, and what
counts."""

ELSEWHERE = {
    ("breakers", "all"),  # few services
    ("service_metrics", "last_successes"),  # some hundred runs a day, kept for days
}
"""Statements that need no index of a big table."""

GROUPS = [(group, name) for group in HOT for name in load(group) if (group, name) not in ELSEWHERE]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def conn(databases: Databases) -> AsyncIterator[Connection]:
    """A connection of the store's over empty tables, of which Postgres knows nothing yet."""
    with databases.fresh() as url:
        database = Database(url, size=1)
        await database.open()
        async with database.connection() as conn:
            yield conn
        await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(databases: Databases) -> AsyncIterator[Connection]:
    """The same over tables with rows, of which Postgres knows all."""
    with databases.fresh() as url:
        database = Database(url, size=1)
        await database.open()
        async with database.connection() as conn:
            await fill(conn, 5000)
            await conn.execute("ANALYZE")
            yield conn
        await database.close()


FILL = (
    """
    INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason, correlation_id,
                       request_id, body)
    SELECT 's' || mod(n, 997), 'route' || mod(n, 10), CASE WHEN mod(n, 100) = 0 THEN gen_random_uuid() END, 1, now(),
           now() - interval '1 us' * n, 'k', 'r', 'c', 'q', 'x'
    FROM generate_series(1, %(rows)s) AS n
    """,
    """
    INSERT INTO dedupe_keys (key, route, reason, seen_at)
    SELECT sha256(n::text::bytea), 'route1', 'keyword', now() FROM generate_series(1, %(rows)s) AS n
    """,
    "INSERT INTO user_sessions (phone_number) SELECT 's' || n FROM generate_series(1, %(rows)s) AS n",
    """
    INSERT INTO wa_dead_letter_queue (from_number, route, payload, next_retry_at, processed, processed_at, abandoned_at)
    SELECT 's' || mod(n, 997), 'route' || mod(n, 10), '{}', now(), mod(n, 10) > 1,
           CASE WHEN mod(n, 10) > 1 THEN now() END, CASE WHEN mod(n, 10) = 1 THEN now() END
    FROM generate_series(1, %(rows)s) AS n
    """,
)


async def fill(conn: Connection, rows: int) -> None:
    """So many rows in each big table."""
    for statement in FILL:
        await conn.execute(statement.encode(), {"rows": rows})


async def test_every_statement_is_looked_at() -> None:
    """A new statement is either among those whose indexes are known here, or says why it needs none."""
    named = {(group, name) for group, statements in HOT.items() for name in statements}
    assert named == set(GROUPS)


@pytest.mark.parametrize(("group", "name"), GROUPS)
async def test_a_hot_statement_uses_its_indexes(conn: Connection, filled: Connection, group: str, name: str) -> None:
    """Each reads by its indexes and no big table as a whole, in the generic plan that a connection keeps for its life;
    planned over empty tables and over full ones.
    """
    for connection in (conn, filled):
        nodes = await plan(connection, load(group)[name])
        check(nodes, HOT[group][name], SCANS.get((group, name), set()))


def check(nodes: list[dict[str, Any]], expected: set[str], scans: set[str]) -> None:
    """The indexes of a plan; that no big table is read as a whole; and no index either, but for `scans`."""
    assert expected <= indexes(nodes) <= expected | scans
    assert [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan" and is_big(node)] == []
    assert {node["Index Name"] for node in nodes if "Index Name" in node and "Index Cond" not in node} <= scans


def is_big(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") in BIG


async def test_a_claim_prepared_over_an_empty_table(databases: Databases) -> None:
    """A claim whose plan was made while nothing waited looks each row up by its id when much does: the pages
    that it touches are some for each row that it takes, not all that hold what waits.
    """
    with databases.fresh() as url:
        database = Database(url, size=1)
        await database.open()
        async with database.connection() as conn:
            me, now, rooms = uuid4(), database.now(), {"route1": Room(100, 1_000_000)}
            await instances.register(conn, me=me, host="here", now=now, lease_until=now + timedelta(hours=1))
            for _ in range(6):
                assert await inbox.claim(conn, me=me, rooms=rooms, now=now) == []
            await fill(conn, 60_000)
            touched = (
                "SELECT sum(idx_blks_hit + idx_blks_read)::int FROM pg_statio_user_indexes WHERE relname = 'inbox'"
            )
            before = await number(conn, touched)
            assert len(await inbox.claim(conn, me=me, rooms=rooms, now=database.now())) == 100
            assert await number(conn, touched) - before < 20 * 100
        await database.close()


async def number(conn: Connection, statement: str) -> int:
    """A number from Postgres' own statistics, of this moment."""
    await conn.execute("SELECT pg_stat_force_next_flush()")
    await conn.execute("SELECT pg_stat_clear_snapshot()")
    row = await (await conn.execute(statement.encode())).fetchone()
    assert row is not None
    return int(row[0])
