-- name: begin
INSERT INTO job_runs (jobname, runid, status, start_time) VALUES (%(jobname)s, %(runid)s, 'running', %(now)s)

-- name: close_forgotten
-- Runs whose process ended without a word (killed, or its node was lost): no run lasts longer than `before` says.
UPDATE job_runs
SET status = 'failed', end_time = %(now)s, result = %(result)s
WHERE jobname = %(jobname)s AND status = 'running' AND start_time < %(before)s

-- name: end
UPDATE job_runs
SET status = %(status)s, end_time = %(now)s, result = %(result)s
WHERE jobname = %(jobname)s AND runid = %(runid)s
