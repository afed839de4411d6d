-- Calls to a job's `webhook_url`: one for each terminal event, written with it and kept as long as the job.

ALTER TABLE ai_jobs ADD COLUMN IF NOT EXISTS webhook_url TEXT;

CREATE TABLE IF NOT EXISTS webhook_deliveries (
    job_id       UUID NOT NULL,
    -- The terminal event; a retry of the job ends with another one, which is another delivery.
    seq          BIGINT NOT NULL,
    brand_id     UUID NOT NULL,
    url          TEXT NOT NULL,
    -- What is sent, as it is signed: the same at every try.
    body         TEXT NOT NULL,
    status       TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    -- Tries that were begun; the number fences what is written of each.
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    -- When it may be tried (again). A try that is under way has moved it past its own end.
    due_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    delivered_at TIMESTAMPTZ,
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';

-- What belongs to a job goes with it.
CREATE OR REPLACE FUNCTION ai_jobs_take_along() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.id;
    DELETE FROM job_steps WHERE job_id = OLD.id;
    DELETE FROM webhook_deliveries WHERE job_id = OLD.id;
    RETURN NULL;
END
$$;
