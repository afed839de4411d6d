-- Calls to a job's `webhook_url`: one for each terminal event, written with it and kept as long as the job.
--
-- The same as the PostgreSQL migration of this number.

ALTER TABLE ai_jobs ADD COLUMN webhook_url TEXT;

CREATE TABLE webhook_deliveries (
    job_id       BLOB NOT NULL,
    -- The terminal event; a retry of the job ends with another one, which is another delivery.
    seq          INTEGER NOT NULL,
    brand_id     BLOB NOT NULL,
    url          TEXT NOT NULL,
    -- What is sent, as it is signed: the same at every try.
    body         TEXT NOT NULL,
    status       TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    -- Tries that were begun; the number fences what is written of each.
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    -- When it may be tried (again). A try that is under way has moved it past its own end.
    due_at       INTEGER NOT NULL,
    delivered_at INTEGER,
    PRIMARY KEY (job_id, seq)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';

-- What belongs to a job goes with it.
DROP TRIGGER ai_jobs_take_along;
CREATE TRIGGER ai_jobs_take_along AFTER DELETE ON ai_jobs
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.id;
    DELETE FROM job_steps WHERE job_id = OLD.id;
    DELETE FROM webhook_deliveries WHERE job_id = OLD.id;
END;
