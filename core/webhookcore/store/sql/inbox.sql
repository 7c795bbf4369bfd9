-- name: seen
-- What the dedupe keys remember of these events.
SELECT key, route, reason FROM dedupe_keys WHERE key = ANY(%(keys)s)

-- name: sessions
SELECT phone_number, active_service, last_interaction, rate_tat FROM user_sessions WHERE phone_number = ANY(%(senders)s)

-- name: foreign_lanes
-- The lanes of these senders in which something waits that this router does not hold, or is being redelivered now.
-- A new event of such a lane must wait in the inbox, due no earlier than what is before it.
SELECT sender, route, max(due_at) AS due_at
FROM inbox
WHERE sender = ANY(%(senders)s) AND owner IS DISTINCT FROM %(me)s
GROUP BY sender, route
UNION ALL
SELECT from_number, route, NULL
FROM wa_dead_letter_queue
WHERE from_number = ANY(%(senders)s) AND lease_owner IS NOT NULL AND lease_until > %(now)s

-- name: keep
-- Everything that a flush accepts, in one statement. A dedupe key that a concurrent flush wrote first (possible only
-- for events without a sender, which lock nobody) keeps its event out. Rows are owned by this router only while its
-- lease stands; the share lock makes whoever takes the lease back wait for this transaction.
WITH mine AS MATERIALIZED (
    SELECT id FROM router_instances WHERE id = %(me)s AND lease_until > %(now)s FOR KEY SHARE
), keys AS (
    INSERT INTO dedupe_keys (key, route, reason, seen_at)
    SELECT key, route, reason, %(now)s
    FROM unnest(%(keys)s::bytea[], %(key_routes)s::text[], %(key_reasons)s::text[]) AS k(key, route, reason)
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING key
), kept AS (
    INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, message_id, idempotency_key, reason,
                       menu_selection, correlation_id, request_id, traceparent, body)
    SELECT e.sender, e.route, (SELECT id FROM mine WHERE e.owned),
           (e.owned AND EXISTS (SELECT FROM mine))::integer, e.received_at, e.due_at, e.message_id, e.idempotency_key,
           e.reason, e.menu_selection, e.correlation_id, e.request_id, e.traceparent, e.body
    FROM unnest(%(event_keys)s::bytea[], %(senders)s::text[], %(routes)s::text[], %(owned)s::boolean[],
                %(received_at)s::timestamptz[], %(due_at)s::timestamptz[], %(message_ids)s::text[],
                %(idempotency_keys)s::text[], %(reasons)s::text[], %(menu_selections)s::text[],
                %(correlation_ids)s::text[], %(request_ids)s::text[], %(traceparents)s::text[], %(bodies)s::bytea[])
         WITH ORDINALITY
         AS e(key, sender, route, owned, received_at, due_at, message_id, idempotency_key, reason, menu_selection,
              correlation_id, request_id, traceparent, body, position)
    WHERE e.key IN (SELECT key FROM keys)
    ORDER BY e.position
    RETURNING id
), remembered AS (
    INSERT INTO user_sessions (phone_number, active_service, last_interaction, rate_tat, created_at, updated_at)
    SELECT phone_number, active_service, %(now)s, rate_tat, %(now)s, %(now)s
    FROM unnest(%(session_senders)s::text[], %(session_services)s::text[], %(session_tats)s::timestamptz[])
         AS s(phone_number, active_service, rate_tat)
    ON CONFLICT (phone_number) DO UPDATE
    SET active_service = excluded.active_service, last_interaction = excluded.last_interaction,
        rate_tat = excluded.rate_tat, updated_at = excluded.updated_at
)
SELECT (SELECT array_agg(id ORDER BY id) FROM kept) AS ids,
       CASE WHEN (SELECT count(*) FROM keys) < cardinality(%(keys)s::bytea[])
            THEN (SELECT array_agg(key) FROM keys) END AS inserted,
       EXISTS (SELECT FROM mine) AS lease_stands

-- name: claim
-- Takes waiting rows over, for each route as many as there is room for, in rows and in bytes, in the order in which they
-- are due. Held back: a row whose lane has something before it that another router holds (a probe's also: this one) or
-- that is not due yet, and a row whose lane is being redelivered. Runs under the claim lock.
WITH mine AS MATERIALIZED (
    SELECT id FROM router_instances WHERE id = %(me)s AND lease_until > %(now)s FOR KEY SHARE
), picked AS MATERIALIZED (
    SELECT ready.id
    FROM unnest(%(routes)s::text[], %(rows)s::integer[], %(bytes)s::bigint[]) AS r(route, most_rows, most_bytes)
    CROSS JOIN LATERAL (
        SELECT due.id, sum(due.size) OVER (ORDER BY due.due_at, due.id) - due.size AS bytes_before
        FROM (
            SELECT i.id, i.due_at, octet_length(i.body) AS size
            FROM inbox AS i
            WHERE i.owner IS NULL AND i.route = r.route AND i.due_at <= %(now)s
              AND (i.sender = '' OR NOT EXISTS (
                  SELECT FROM inbox AS before
                  WHERE before.sender = i.sender AND before.route = i.route AND before.id < i.id
                    AND (before.owner <> %(me)s OR before.owner IS NOT NULL AND NOT %(past_mine)s
                         OR before.owner IS NULL AND before.due_at > %(now)s)))
              AND (i.sender = '' OR NOT EXISTS (
                  SELECT FROM wa_dead_letter_queue AS d
                  WHERE d.from_number = i.sender AND d.route = i.route AND d.lease_owner IS NOT NULL
                    AND d.lease_until > %(now)s))
            ORDER BY i.due_at, i.id
            LIMIT r.most_rows
        ) AS due
    ) AS ready
    WHERE ready.bytes_before < r.most_bytes
)
UPDATE inbox SET owner = mine.id, attempts = attempts + 1
FROM mine
WHERE inbox.id IN (SELECT id FROM picked)
  -- In a CASE, which hides it from the planner: one that takes the table for empty would look each id up in
  -- inbox_waiting, where it comes last, and read all that waits for each.
  AND CASE WHEN inbox.owner IS NULL THEN true END
RETURNING inbox.id, sender, route, attempts, received_at, message_id, idempotency_key, reason, menu_selection,
          correlation_id, request_id, traceparent, body, taken_over

-- name: delivered
-- Fenced: a row that somebody took over stays.
DELETE FROM inbox WHERE id = ANY(%(ids)s) AND owner = %(me)s RETURNING id

-- name: dead_letter
-- Moves rows to the dead letter queue; fenced like delivered (an expired row has no owner, and `me` is null).
WITH moved AS (
    DELETE FROM inbox
    USING unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(payloads)s::text[], %(codes)s::text[], %(messages)s::text[],
                 %(next_retries)s::timestamptz[], %(abandoned)s::boolean[])
          AS f(id, attempts, payload, code, message, next_retry_at, abandoned)
    WHERE inbox.id = f.id AND inbox.owner IS NOT DISTINCT FROM %(me)s
    RETURNING inbox.*, f.attempts AS tried, f.payload, f.code, f.message, f.next_retry_at, f.abandoned
), written AS (
    INSERT INTO wa_dead_letter_queue (message_id, from_number, payload, error_message, error_code, next_retry_at,
                                      abandoned_at, route, reason, menu_selection, attempts, idempotency_key,
                                      correlation_id, request_id, traceparent, received_at, body, taken_over, created_at,
                                      updated_at)
    SELECT message_id, sender, payload::jsonb, message, code, next_retry_at, CASE WHEN abandoned THEN %(now)s::timestamptz END,
           route, reason, menu_selection, greatest(attempts, tried), idempotency_key,
           correlation_id, request_id, traceparent, received_at, body, taken_over, %(now)s, %(now)s
    FROM moved
    ORDER BY moved.id
)
SELECT id FROM moved

-- name: release
-- Gives rows back to whoever claims them next.
UPDATE inbox SET owner = NULL WHERE id = ANY(%(ids)s) AND owner = %(me)s

-- name: expired
-- Parked rows that waited longer than their route allows.
SELECT id, sender, route, attempts, received_at, message_id, idempotency_key, reason, menu_selection,
       correlation_id, request_id, traceparent, body, taken_over
FROM inbox
WHERE owner IS NULL AND route = %(route)s AND due_at <= %(cutoff)s
ORDER BY due_at, id
LIMIT %(most)s
FOR UPDATE SKIP LOCKED

-- name: forgotten_routes
-- Routes that rows still wait for and that no configuration names any more (a loose index scan).
WITH RECURSIVE waiting AS (
    (SELECT route FROM inbox WHERE owner IS NULL ORDER BY route LIMIT 1)
    UNION ALL
    SELECT (SELECT i.route FROM inbox AS i WHERE i.owner IS NULL AND i.route > waiting.route ORDER BY i.route LIMIT 1)
    FROM waiting WHERE waiting.route IS NOT NULL
)
SELECT route FROM waiting WHERE route IS NOT NULL AND route <> ALL(%(known)s)

-- name: depth
-- Asked every few seconds, also while much waits: the count reads an index alone, and the oldest is the first.
SELECT (SELECT count(*) FROM inbox),
       (SELECT extract(epoch FROM %(now)s::timestamptz - received_at)::float8 FROM inbox ORDER BY id LIMIT 1)
