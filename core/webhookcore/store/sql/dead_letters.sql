-- name: free_expired
-- Leases of processors that died: their rows are due again. Not part of each claim: settled rows leave their entries in
-- the index of leases until a vacuum, and walking over them would make each claim of a long run slower than the last.
UPDATE wa_dead_letter_queue
SET lease_owner = NULL, lease_until = NULL, taken_over = true, updated_at = %(now)s
WHERE lease_owner IS NOT NULL AND lease_until <= %(now)s

-- name: due
-- The next rows in order of age, from where the last look ended, and whether a delivery or redelivery occupies their lane
-- now. The occupation is asked for row by row (a scalar subquery cannot become a join over all leases, those of settled
-- rows included, as it would when the statistics know no leased row).
SELECT d.next_retry_at, d.received_at, d.id, d.from_number, d.route,
       d.from_number <> '' AND coalesce(
           (SELECT true FROM inbox AS i
            WHERE i.sender = d.from_number AND i.route = d.route AND i.owner IS NOT NULL LIMIT 1),
           (SELECT true FROM wa_dead_letter_queue AS l
            WHERE l.from_number = d.from_number AND l.route = d.route AND l.lease_owner IS NOT NULL LIMIT 1),
           false) AS occupied
FROM wa_dead_letter_queue AS d
WHERE NOT d.processed AND d.abandoned_at IS NULL AND d.lease_owner IS NULL
  AND d.next_retry_at <= %(now)s
  AND (d.next_retry_at, d.received_at, d.id) > (%(after_due)s, %(after_received)s, %(after_id)s)
ORDER BY d.next_retry_at, d.received_at, d.id
LIMIT %(at_most)s

-- name: claim
-- Takes the chosen rows, under the claim lock and their senders' locks; what changed since they were chosen is left out.
-- The attempt is counted before anything is sent. A row that was written by hand lacks what the router would have noted.
-- (coalesce, so that the rows are found by their ids and never by way of all that is due.)
WITH free AS MATERIALIZED (
    SELECT d.id
    FROM wa_dead_letter_queue AS d
    WHERE d.id = ANY(%(ids)s)
      AND coalesce(d.processed_at, d.abandoned_at) IS NULL AND d.lease_owner IS NULL AND d.next_retry_at <= %(now)s
      AND NOT (d.from_number <> '' AND coalesce(
          (SELECT true FROM inbox AS i
           WHERE i.sender = d.from_number AND i.route = d.route AND i.owner IS NOT NULL LIMIT 1),
          (SELECT true FROM wa_dead_letter_queue AS l
           WHERE l.from_number = d.from_number AND l.route = d.route AND l.lease_owner IS NOT NULL LIMIT 1),
          false))
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE wa_dead_letter_queue AS d
SET lease_owner = %(owner)s, lease_until = %(lease_until)s, attempts = d.attempts + 1, updated_at = %(now)s
FROM free
WHERE d.id = free.id
RETURNING d.id, d.route, d.reason, d.menu_selection, d.from_number, d.message_id,
          coalesce(nullif(d.idempotency_key, ''), d.message_id, d.id::text) AS idempotency_key,
          d.attempts, d.retry_count, d.received_at,
          coalesce(nullif(d.correlation_id, ''), d.id::text) AS correlation_id,
          coalesce(nullif(d.request_id, ''), d.id::text) AS request_id,
          d.traceparent,
          CASE WHEN d.body = '' THEN convert_to(d.payload::text, 'UTF8') ELSE d.body END AS body,
          d.taken_over

-- name: settle
-- What became of claimed rows, all in one statement. Fenced: a row whose lease somebody else took, or that was made due
-- again, stays as it is. (IS NOT DISTINCT FROM, so that the rows are found by their ids and never by way of all leases.)
UPDATE wa_dead_letter_queue AS d
SET processed = s.delivered,
    processed_at = CASE WHEN s.delivered THEN %(now)s::timestamptz END,
    abandoned_at = CASE WHEN s.abandoned THEN %(now)s::timestamptz END,
    retry_count = s.retry_count,
    next_retry_at = s.next_retry_at,
    attempts = greatest(d.attempts, s.attempts),
    error_code = coalesce(s.error_code, d.error_code),
    error_message = coalesce(s.error_message, d.error_message),
    lease_owner = NULL, lease_until = NULL, updated_at = %(now)s
FROM unnest(%(ids)s::text[]::uuid[], %(delivered)s::boolean[], %(abandoned)s::boolean[], %(retry_counts)s::integer[],
            %(next_retries)s::timestamptz[], %(attempts)s::integer[], %(error_codes)s::text[],
            %(error_messages)s::text[])
     AS s(id, delivered, abandoned, retry_count, next_retry_at, attempts, error_code, error_message)
WHERE d.id = s.id AND d.lease_owner IS NOT DISTINCT FROM %(owner)s
RETURNING d.id

-- name: release
-- Gives leases back: the rows are due as they were. The attempt stays counted.
UPDATE wa_dead_letter_queue AS d
SET lease_owner = NULL, lease_until = NULL, updated_at = %(now)s,
    taken_over = d.taken_over OR d.id = ANY(%(perhaps_sent)s)
WHERE d.id = ANY(%(ids)s) AND d.lease_owner IS NOT DISTINCT FROM %(owner)s

-- name: release_all
-- Whatever a run holds without knowing it, or at its end.
UPDATE wa_dead_letter_queue
SET lease_owner = NULL, lease_until = NULL, updated_at = %(now)s
WHERE lease_owner = %(owner)s AND id <> ALL(%(known)s)
RETURNING id

-- name: due_count
-- For a progress bar.
SELECT count(*)
FROM wa_dead_letter_queue
WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL AND next_retry_at <= %(now)s
