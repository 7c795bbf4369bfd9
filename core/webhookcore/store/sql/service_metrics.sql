-- name: write
-- Two routers of one host add up.
INSERT INTO service_metrics AS m (service, window_start, instance, delivered, failed, dead_lettered, p50_ms, p95_ms)
SELECT service, %(minute)s, %(instance)s, delivered, failed, dead_lettered, p50_ms, p95_ms
FROM unnest(%(services)s::text[], %(delivered)s::integer[], %(failed)s::integer[], %(dead_lettered)s::integer[],
            %(p50_ms)s::float8[], %(p95_ms)s::float8[])
     AS w(service, delivered, failed, dead_lettered, p50_ms, p95_ms)
ON CONFLICT (service, window_start, instance) DO UPDATE
SET delivered = m.delivered + excluded.delivered, failed = m.failed + excluded.failed,
    dead_lettered = m.dead_lettered + excluded.dead_lettered,
    p50_ms = greatest(m.p50_ms, excluded.p50_ms), p95_ms = greatest(m.p95_ms, excluded.p95_ms)

-- name: dead_letters
-- Waiting ones (not leased, or leased), abandoned ones, and how long the oldest is due. Each over an index of its own:
-- of processed ones there may be a week, and this is asked every few seconds.
SELECT (SELECT count(*) FROM wa_dead_letter_queue WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL)
       + (SELECT count(*) FROM wa_dead_letter_queue WHERE lease_owner IS NOT NULL),
       (SELECT count(*) FROM wa_dead_letter_queue WHERE abandoned_at IS NOT NULL),
       coalesce((
           SELECT extract(epoch FROM %(now)s::timestamptz - min(next_retry_at))::float8
           FROM wa_dead_letter_queue
           WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL
       ), 0)

-- name: last_successes
SELECT jobname, max(end_time) FROM job_runs WHERE status = 'succeeded' GROUP BY jobname
