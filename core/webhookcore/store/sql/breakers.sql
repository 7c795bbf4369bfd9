-- name: all
SELECT service, state, failures, opened_at, probe_at, probe_owner FROM circuit_breakers

-- name: opened
-- Of several routers that see a service fail, one opens the breaker; the others find it open.
INSERT INTO circuit_breakers (service, state, failures, opened_at, probe_at, updated_at)
VALUES (%(service)s, 'open', %(failures)s, %(now)s, %(probe_at)s, %(now)s)
ON CONFLICT (service) DO UPDATE
SET state = 'open', failures = excluded.failures, opened_at = excluded.opened_at, probe_at = excluded.probe_at,
    probe_owner = NULL, updated_at = excluded.updated_at
WHERE circuit_breakers.state = 'closed'

-- name: take_probe
-- One probe across all routers; the right to it runs out, should its holder die.
UPDATE circuit_breakers
SET state = 'half_open', probe_owner = %(me)s, probe_at = %(until)s, updated_at = %(now)s
WHERE service = %(service)s AND state <> 'closed' AND probe_at <= %(now)s

-- name: opened_again
UPDATE circuit_breakers
SET state = 'open', failures = %(failures)s, opened_at = %(now)s, probe_at = %(probe_at)s, probe_owner = NULL,
    updated_at = %(now)s
WHERE service = %(service)s AND state = 'half_open' AND probe_owner = %(me)s

-- name: closed
UPDATE circuit_breakers
SET state = 'closed', failures = 0, opened_at = NULL, probe_at = NULL, probe_owner = NULL, updated_at = %(now)s
WHERE service = %(service)s AND state = 'half_open' AND probe_owner = %(me)s
