-- name: lock_claims
-- One claimer at a time. In a statement of its own, before the one that reads: a statement that both locks and reads
-- keeps the snapshot from before its wait.
SELECT pg_advisory_xact_lock(%s, %s)

-- name: try_lock_claims
-- The same, for whoever comes again soon anyway.
SELECT pg_try_advisory_xact_lock(%s, %s)

-- name: lock_senders
-- Each sender's own lock, in one order for all, under the shared gate.
SELECT pg_advisory_xact_lock_shared(%(lock_class)s, %(gate)s), (
    SELECT count(pg_advisory_xact_lock(key))
    FROM (SELECT DISTINCT hashtextextended(sender, 0) AS key FROM unnest(%(senders)s::text[]) AS sender ORDER BY key) AS keys
)

-- name: lock_all_senders
SELECT pg_advisory_xact_lock(%(lock_class)s, %(gate)s)
