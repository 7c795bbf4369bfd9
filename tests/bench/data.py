"""Rows that a figure starts from: due dead letters, sessions of which some are stale."""

from datetime import timedelta

import psycopg
from tests.bench.notifications import Notifications

_LETTERS = """
COPY wa_dead_letter_queue (message_id, from_number, payload, error_code, error_message, next_retry_at, route, reason,
                           attempts, idempotency_key, correlation_id, request_id, received_at, created_at, body)
FROM STDIN
"""
_SESSIONS = """
INSERT INTO user_sessions (phone_number, active_service, last_interaction, rate_tat, created_at, updated_at)
SELECT (49150000000000 + n)::text, 'rides', seen, seen, seen, seen
FROM (SELECT n, now() - CASE WHEN n %% %(every)s = 0 THEN interval '3 days' ELSE interval '1 hour' END AS seen
      FROM generate_series(1, %(count)s) AS n) AS s
"""


def fill_letters(url: str, notifications: Notifications, routes: list[str], count: int) -> None:
    """`count` dead letters, due since a minute, of as many senders; the routes take turns."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("SELECT now()").fetchone()
        assert row is not None
        due, received = row[0] - timedelta(minutes=1), row[0] - timedelta(minutes=3)
        with conn.cursor().copy(_LETTERS) as copy:
            for number in range(count):
                body, key = notifications.body(number), notifications.id(number)
                route = routes[number % len(routes)]
                sender = notifications.sender(number)
                received += timedelta(milliseconds=1)
                copy.write_row(
                    (
                        *(key, sender, body.decode(), "ServerError", "answered 503", due, route, "keyword"),
                        *(1, key, key[-36:], key[-36:], received, received, body),
                    )
                )
        conn.execute("VACUUM ANALYZE wa_dead_letter_queue")
        conn.execute("CHECKPOINT")


def fill_sessions(url: str, count: int, *, stale_every: int) -> None:
    """`count` sessions of which every `stale_every`th is three days old, scattered over the whole table."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_SESSIONS, {"count": count, "every": stale_every})
        conn.execute("VACUUM ANALYZE user_sessions")
        conn.execute("CHECKPOINT")


def count(url: str, statement: str) -> int:
    """The number that a statement selects."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(statement).fetchone()
        assert row is not None
        return int(row[0])
