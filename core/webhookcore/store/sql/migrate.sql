-- name: try_lock
-- Tried again and again instead of waited for: a waiting statement holds a snapshot, for which a CREATE INDEX
-- CONCURRENTLY of the migration under way would wait in turn.
SELECT pg_try_advisory_lock(%s, %s)

-- name: has_table
SELECT to_regclass('schema_migrations') IS NOT NULL

-- name: create_table
-- What was applied, and what the file was then. Rows are never changed.
CREATE TABLE IF NOT EXISTS schema_migrations (
    id         text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- name: applied
SELECT id, checksum FROM schema_migrations ORDER BY id

-- name: record
INSERT INTO schema_migrations (id, checksum) VALUES (%(id)s, %(checksum)s)

-- name: short_lock_wait
-- A statement that queues for a table's lock makes everybody else queue behind it: better to step back and come again.
SET LOCAL lock_timeout = '3s'
