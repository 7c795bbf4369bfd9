-- Whatever is deleted for its age is found by walking over the table's pages, a few at a time (a TID range scan): then
-- no index on a column that every message changes is needed, and updates of sessions stay within their page.

-- name: pages
SELECT pg_relation_size(%(table)s::regclass) / current_setting('block_size')::bigint

-- name: short_locks
-- Who holds a row now is using it: it is not waited for. And a deletion that a crash undoes is made again the next day:
-- a batch need not hold its locks until the disk has it.
SELECT set_config('lock_timeout', '10ms', true), set_config('synchronous_commit', 'off', true)

-- name: sessions
-- The age is checked by the DELETE itself, against what a concurrent message committed. A sender whose delayed messages
-- reach into the future keeps the counter of its rate limit.
WITH gone AS (
    DELETE FROM user_sessions
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid
      AND last_interaction < %(cutoff)s AND (rate_tat IS NULL OR rate_tat <= %(now)s)
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: sessions_not_locked
WITH gone AS (
    DELETE FROM user_sessions
    WHERE ctid = ANY (ARRAY (
              SELECT ctid FROM user_sessions
              WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid
                AND last_interaction < %(cutoff)s AND (rate_tat IS NULL OR rate_tat <= %(now)s)
              FOR UPDATE SKIP LOCKED))
      AND last_interaction < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: processed_letters
WITH gone AS (
    DELETE FROM wa_dead_letter_queue
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND processed AND processed_at < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: processed_letters_not_locked
WITH gone AS (
    DELETE FROM wa_dead_letter_queue
    WHERE ctid = ANY (ARRAY (
              SELECT ctid FROM wa_dead_letter_queue
              WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND processed AND processed_at < %(cutoff)s
              FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: abandoned_letters
WITH gone AS (
    DELETE FROM wa_dead_letter_queue
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND abandoned_at < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: abandoned_letters_not_locked
-- Somebody sends it again right now, perhaps.
WITH gone AS (
    DELETE FROM wa_dead_letter_queue
    WHERE ctid = ANY (ARRAY (
              SELECT ctid FROM wa_dead_letter_queue
              WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND abandoned_at < %(cutoff)s
              FOR UPDATE SKIP LOCKED))
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: dedupe_keys
WITH gone AS (
    DELETE FROM dedupe_keys
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND seen_at < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: job_runs
WITH gone AS (
    DELETE FROM job_runs
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND status <> 'running' AND start_time < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: service_metrics
WITH gone AS (
    DELETE FROM service_metrics
    WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND window_start < %(cutoff)s
    RETURNING 1
)
SELECT count(*) FROM gone
