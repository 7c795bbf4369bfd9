-- name: now
-- The time by which everything here is told.
SELECT clock_timestamp()

-- name: dead_letters
-- What the person on call looks at: newest first, without the payload.
SELECT id, state, route, reason, error_code, error_message, retry_count, attempts, next_retry_at, received_at,
       created_at, processed_at, abandoned_at, from_number, message_id, correlation_id, request_id
FROM (
    SELECT *, CASE WHEN processed THEN 'processed'
                   WHEN abandoned_at IS NOT NULL THEN 'abandoned'
                   WHEN lease_until > %(now)s THEN 'retrying'
                   ELSE 'waiting' END AS state
    FROM wa_dead_letter_queue
) AS d
WHERE state = ANY(%(states)s)
  AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
  AND (%(route)s::text IS NULL OR route = %(route)s)
  AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
ORDER BY created_at DESC, id
LIMIT %(at_most)s

-- name: payload
-- The event of one dead letter as it came, for who asks for it.
SELECT payload, body, error_stack FROM wa_dead_letter_queue WHERE id = %(id)s

-- name: requeue
-- Makes undelivered dead letters due again, a batch at a time. What is being redelivered right now is left to its
-- processor; a lease that ran out is taken away, so that who held it cannot settle the row any more. updated_at keeps
-- a batch from finding the rows of the one before.
WITH chosen AS (
    SELECT id
    FROM wa_dead_letter_queue
    WHERE NOT processed
      AND updated_at < %(now)s
      AND (lease_until IS NULL OR lease_until <= %(now)s)
      AND (abandoned_at IS NOT NULL OR NOT %(abandoned_only)s)
      AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
      AND (%(route)s::text IS NULL OR route = %(route)s)
      AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
    ORDER BY created_at, id
    LIMIT %(at_most)s
    FOR UPDATE
)
UPDATE wa_dead_letter_queue AS d
SET retry_count = 0, abandoned_at = NULL, next_retry_at = %(now)s, updated_at = %(now)s,
    taken_over = false, lease_owner = NULL, lease_until = NULL
FROM chosen
WHERE d.id = chosen.id
RETURNING d.id, d.route, d.from_number, d.message_id, d.correlation_id, d.request_id

-- name: record_requeue
-- So that `webhookcore jobs` tells who sent what again, and when.
INSERT INTO job_runs (jobname, runid, status, start_time, end_time, result)
VALUES ('dlq-retry', gen_random_uuid(), 'succeeded', %(now)s, %(now)s, %(result)s)

-- name: last_runs
-- The last runs of every job that ever ran.
WITH RECURSIVE names AS (
    (SELECT jobname FROM job_runs ORDER BY jobname LIMIT 1)
    UNION ALL
    SELECT (SELECT r.jobname FROM job_runs AS r WHERE r.jobname > names.jobname ORDER BY r.jobname LIMIT 1)
    FROM names
    WHERE names.jobname IS NOT NULL
)
SELECT runs.jobname, runs.runid, runs.status, runs.start_time, runs.end_time, runs.result
FROM names
CROSS JOIN LATERAL (
    SELECT * FROM job_runs AS r WHERE r.jobname = names.jobname ORDER BY r.start_time DESC LIMIT %(at_most)s
) AS runs
ORDER BY runs.jobname, runs.start_time DESC
