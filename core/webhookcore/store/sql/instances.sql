-- name: register
INSERT INTO router_instances (id, host, started_at, lease_until)
VALUES (%(id)s, %(host)s, %(now)s, %(lease_until)s)

-- name: renew
-- Finds no row when somebody took the lease back: then this process is a stranger to its own rows. One that ran out and
-- that nobody took back is as good as before: an outage of the database must not make every router repeat its work.
UPDATE router_instances SET lease_until = %(lease_until)s WHERE id = ANY(%(ids)s) RETURNING id

-- name: try_lock_reaper
SELECT pg_try_advisory_xact_lock(%s, %s)

-- name: expired
-- Not while a transaction of that router is under way that makes it the owner of rows (it holds the row FOR KEY SHARE):
-- the statement that frees its rows must see them.
DELETE FROM router_instances
WHERE id IN (SELECT id FROM router_instances WHERE lease_until <= %(now)s FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: free
-- A seq scan, on purpose: routers die rarely, and an index would be written with every event.
UPDATE inbox SET owner = NULL, taken_over = taken_over OR %(may_have_sent)s WHERE owner = ANY(%(ids)s)

-- name: unregister
-- As expired.
DELETE FROM router_instances WHERE id IN (SELECT id FROM router_instances WHERE id = %(id)s FOR UPDATE SKIP LOCKED)
