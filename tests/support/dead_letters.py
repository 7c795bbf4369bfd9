"""Dead letters for tests: rows of wa_dead_letter_queue as a router would have written them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql


def due(minutes_ago: float = 1.0) -> datetime:
    """A time so many minutes ago (in the future when negative)."""
    return datetime.now(UTC) - timedelta(minutes=minutes_ago)


def letter(**fields: Any) -> dict[str, Any]:
    """A dead letter that became due a minute ago, of a sender of its own; `fields` replace columns."""
    row_id = fields.get("id") or uuid4()
    number = fields.get("from_number", f"49{row_id.int % 10**12:012d}")
    message = {"from": number, "id": f"wamid.{row_id.hex}", "type": "text", "text": {"body": "ride"}}
    value = {"messaging_product": "whatsapp", "messages": [message]}
    payload = json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": value}]}]})
    row: dict[str, Any] = {
        "id": row_id,
        "message_id": message["id"],
        "from_number": number,
        "payload": payload,
        "error_message": "the service answered 503",
        "error_code": "ServerError",
        "retry_count": 0,
        "next_retry_at": due(),
        "route": "rides",
        "reason": "keyword",
        "attempts": 1,
        "idempotency_key": message["id"],
        "correlation_id": f"correlation-{row_id}",
        "request_id": f"request-{row_id}",
        "received_at": due(5),
        "created_at": due(3),
        "body": payload.encode(),
    }
    return row | fields


def insert(url: str, letters: Iterable[dict[str, Any]]) -> list[UUID]:
    """Writes them, all through the columns that `letter` knows and those that it was given besides."""
    ids: list[UUID] = []
    with psycopg.connect(url) as conn:
        for row in letters:
            statement = sql.SQL("INSERT INTO wa_dead_letter_queue ({}) VALUES ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
            )
            conn.execute(statement, row)
            ids.append(row["id"])
    return ids


def insert_many(url: str, count: int, *, lanes: int | None = None, spread_seconds: float = 0.01) -> None:
    """`count` due rows, made by the database; of `lanes` senders in turn (each its own by default), oldest first."""
    body = letter()["payload"]
    with psycopg.connect(url) as conn:
        conn.execute(
            "INSERT INTO wa_dead_letter_queue (message_id, from_number, payload, error_code, next_retry_at, route,"
            " reason, attempts, idempotency_key, correlation_id, request_id, received_at, body)"
            " SELECT 'wamid.' || g, (491700000000 + g %% %(lanes)s)::text, %(body)s::text::jsonb, 'ServerError',"
            " now() - interval '1 day' + g * %(step)s, 'rides', 'keyword', 1, 'wamid.' || g, 'c' || g, 'r' || g,"
            " now() - interval '2 days' + g * %(step)s, convert_to(%(body)s::text, 'UTF8')"
            " FROM generate_series(1, %(count)s) AS g",
            {"lanes": lanes or count, "body": body, "step": timedelta(seconds=spread_seconds), "count": count},
        )


def rows(url: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
    """What the queue holds, in order of age."""
    statement = f"SELECT {columns} FROM wa_dead_letter_queue WHERE {where} ORDER BY received_at, id"  # noqa: S608 - a test's own words
    with psycopg.connect(url) as conn:
        return conn.execute(statement.encode()).fetchall()


def row(url: str, row_id: UUID, columns: str) -> tuple[Any, ...]:
    """One row's columns."""
    return rows(url, columns, f"id = '{row_id}'")[0]


def execute(url: str, statement: str, *values: Any) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(statement.encode(), values)
