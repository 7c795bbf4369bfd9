-- The first schema. Constraints say what must never be.

-- A running router. Its lease covers every inbox row it owns; a heartbeat renews it. Whoever finds one run out
-- deletes it and frees its rows, in one transaction.
CREATE TABLE router_instances (
    id          uuid PRIMARY KEY,
    host        text NOT NULL,
    started_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);

-- Every event that was accepted and neither delivered nor dead-lettered. id gives the order of acceptance inside a
-- lane: rows of a lane are inserted under its sender's lock.
CREATE TABLE inbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A lane is (sender, route): its events are delivered in the order of their ids, one at a time. An event
    -- without a sender ('') is a lane of its own.
    sender          text NOT NULL,
    route           text NOT NULL,
    owner           uuid,
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- The router that owned it is gone and may have sent it.
    taken_over      boolean NOT NULL DEFAULT false,
    received_at     timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    message_id      text,
    idempotency_key text NOT NULL,
    reason          text NOT NULL,
    menu_selection  text,
    correlation_id  text NOT NULL,
    request_id      text NOT NULL,
    traceparent     text,
    body            bytea NOT NULL,
    -- Whoever owns a row may be sending it: then the attempt was counted first.
    CONSTRAINT inbox_owned_is_counted CHECK (owner IS NULL OR attempts > 0)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
-- What waits for a router: few rows while services are well. due_at never falls inside a lane, so this order keeps the
-- lane's.
CREATE INDEX inbox_waiting ON inbox (route, due_at, id) WHERE owner IS NULL;
CREATE INDEX inbox_lane ON inbox (sender, route, id);

-- What has been seen, for as long as Meta may repeat it. The key is a SHA-256.
CREATE TABLE dedupe_keys (
    key     bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    route   text,
    reason  text NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE user_sessions (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    phone_number     text NOT NULL UNIQUE,
    active_service   text,
    context          jsonb NOT NULL DEFAULT '{}',
    last_interaction timestamptz NOT NULL DEFAULT now(),
    -- The generic cell rate algorithm's theoretical arrival time: the sender's rate limit, counted across replicas.
    rate_tat         timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_sessions_have_a_sender CHECK (phone_number <> '')
) WITH (fillfactor = 80);

CREATE TABLE wa_dead_letter_queue (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id      text,
    from_number     text NOT NULL,
    payload         jsonb NOT NULL,
    error_message   text,
    error_stack     text,
    retry_count     integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    next_retry_at   timestamptz,
    processed       boolean NOT NULL DEFAULT false,
    processed_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    abandoned_at    timestamptz,
    error_code      text NOT NULL DEFAULT 'Unknown',
    route           text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    menu_selection  text,
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    idempotency_key text NOT NULL DEFAULT '',
    correlation_id  text NOT NULL DEFAULT '',
    request_id      text NOT NULL DEFAULT '',
    traceparent     text,
    received_at     timestamptz NOT NULL DEFAULT now(),
    body            bytea NOT NULL DEFAULT '',
    -- The processor that had leased it is gone and may have had it sent.
    taken_over      boolean NOT NULL DEFAULT false,
    lease_owner     uuid,
    lease_until     timestamptz,
    CONSTRAINT dlq_processed_has_its_time CHECK (processed = (processed_at IS NOT NULL)),
    CONSTRAINT dlq_abandoned_is_not_processed CHECK (NOT (processed AND abandoned_at IS NOT NULL)),
    CONSTRAINT dlq_waiting_has_a_due_time CHECK (processed OR abandoned_at IS NOT NULL OR next_retry_at IS NOT NULL),
    CONSTRAINT dlq_lease_is_whole CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CONSTRAINT dlq_settled_has_no_lease CHECK (lease_owner IS NULL OR NOT (processed OR abandoned_at IS NOT NULL))
) WITH (fillfactor = 80);
-- What a processor may claim, oldest first. The whole order is in the key, so that a run can go on where its last claim
-- ended; a leased row is not in it.
CREATE INDEX dlq_due ON wa_dead_letter_queue (next_retry_at, received_at, id)
    WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL;
-- The lanes (from_number, route) that a redelivery occupies now: never two of one lane. Without a sender, each row is a
-- lane of its own.
CREATE UNIQUE INDEX dlq_leased_lane ON wa_dead_letter_queue
    (from_number, route, (CASE WHEN from_number = '' THEN id ELSE '00000000-0000-0000-0000-000000000000' END))
    WHERE lease_owner IS NOT NULL;
-- To be counted every few seconds.
CREATE INDEX dlq_abandoned ON wa_dead_letter_queue (abandoned_at) WHERE abandoned_at IS NOT NULL;
CREATE INDEX dlq_route ON wa_dead_letter_queue (route, created_at);

-- A service's circuit breaker, shared by all routers; written on transitions only.
CREATE TABLE circuit_breakers (
    service     text PRIMARY KEY,
    state       text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    failures    integer NOT NULL DEFAULT 0,
    opened_at   timestamptz,
    -- open: when the next delivery may probe. half_open: until when the probe holds the right to it.
    probe_at    timestamptz,
    probe_owner uuid,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT breaker_open_has_a_probe_time CHECK (state = 'closed' OR probe_at IS NOT NULL),
    CONSTRAINT breaker_half_open_has_an_owner CHECK ((state = 'half_open') = (probe_owner IS NOT NULL))
);

CREATE TABLE job_runs (
    jobname    text NOT NULL,
    runid      uuid NOT NULL,
    status     text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    start_time timestamptz NOT NULL,
    end_time   timestamptz,
    result     jsonb,
    PRIMARY KEY (jobname, runid),
    CONSTRAINT job_runs_ended_has_its_time CHECK ((status = 'running') = (end_time IS NULL))
);
CREATE INDEX job_runs_start ON job_runs (jobname, start_time DESC);

CREATE TABLE service_metrics (
    service       text NOT NULL,
    window_start  timestamptz NOT NULL,
    instance      text NOT NULL,
    delivered     integer NOT NULL DEFAULT 0 CHECK (delivered >= 0),
    failed        integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    dead_lettered integer NOT NULL DEFAULT 0 CHECK (dead_lettered >= 0),
    p50_ms        double precision,
    p95_ms        double precision,
    PRIMARY KEY (service, window_start, instance)
);
CREATE INDEX service_metrics_window ON service_metrics (window_start);
