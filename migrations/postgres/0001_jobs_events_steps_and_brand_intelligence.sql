-- Jobs, their events, the outputs of their steps, and the table that brand intelligence is saved to.
--
-- `ai_jobs` and `brand_intelligence` have the names and columns of the origin application, so that the service can run
-- on that application's database: what is there stays, what is missing is added. Nothing here refers to `brands`; a
-- foreign key that the origin application has put there keeps working.

CREATE TABLE IF NOT EXISTS ai_jobs (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id      UUID NOT NULL,
    job_type      VARCHAR(50) NOT NULL,
    status        VARCHAR(20) NOT NULL DEFAULT 'pending',
    input_data    JSONB NOT NULL DEFAULT '{}',
    result_data   JSONB DEFAULT '{}',
    result_id     UUID,
    progress      INTEGER DEFAULT 0,
    current_step  TEXT,
    total_steps   INTEGER DEFAULT 1,
    error_message TEXT,
    retry_count   INTEGER DEFAULT 0,
    max_retries   INTEGER DEFAULT 3,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at    TIMESTAMPTZ,
    completed_at  TIMESTAMPTZ
);

ALTER TABLE ai_jobs
    -- The number of the latest execution; it fences the writes of earlier ones.
    ADD COLUMN IF NOT EXISTS attempt          INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS step             INTEGER NOT NULL DEFAULT 0,
    -- The number of the latest event, and of the latest that retention has removed.
    ADD COLUMN IF NOT EXISTS last_seq         BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS pruned_through   BIGINT NOT NULL DEFAULT 0,
    -- When a worker may claim the job, and until when one holds it.
    ADD COLUMN IF NOT EXISTS run_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS lease_expires_at TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS error_code       TEXT,
    -- The batch of writes that changed the job last: a batch whose answer was lost is not applied twice.
    ADD COLUMN IF NOT EXISTS last_batch       UUID,
    -- Which events retention has removed, so that it does not look at the same job again: nothing, deltas, history.
    ADD COLUMN IF NOT EXISTS pruned           TEXT NOT NULL DEFAULT 'nothing';

ALTER TABLE ai_jobs DROP CONSTRAINT IF EXISTS ai_jobs_job_type_check;
ALTER TABLE ai_jobs ADD CONSTRAINT ai_jobs_job_type_check CHECK (job_type IN (
    'brand_intelligence', 'competitor_analysis', 'target_audiences', 'products_services', 'campaigns',
    'brand_extraction', 'page_discovery'
));
ALTER TABLE ai_jobs DROP CONSTRAINT IF EXISTS ai_jobs_status_check;
ALTER TABLE ai_jobs ADD CONSTRAINT ai_jobs_status_check CHECK (status IN (
    'pending', 'processing', 'completed', 'failed', 'cancelled'
));

-- A row is rewritten with every progress of its job. Room on the page and no index on a column that progress changes
-- (lease_expires_at, last_seq, updated_at) keep that a heap-only update, which touches no index.
ALTER TABLE ai_jobs SET (fillfactor = 70);

CREATE INDEX IF NOT EXISTS ai_jobs_due ON ai_jobs (run_at, created_at, id) WHERE status = 'pending';
-- Few rows at any time: also read for leases that have expired.
CREATE INDEX IF NOT EXISTS ai_jobs_processing ON ai_jobs (brand_id) WHERE status = 'processing';
CREATE INDEX IF NOT EXISTS ai_jobs_of_brand ON ai_jobs (brand_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS ai_jobs_newest ON ai_jobs (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS ai_jobs_durations ON ai_jobs (job_type, completed_at DESC) WHERE status = 'completed';
CREATE INDEX IF NOT EXISTS ai_jobs_prunable ON ai_jobs (pruned, completed_at)
    WHERE status IN ('completed', 'failed', 'cancelled') AND pruned <> 'history';

CREATE TABLE IF NOT EXISTS job_events (
    job_id UUID NOT NULL,
    seq    BIGINT NOT NULL,
    name   TEXT NOT NULL,
    at     TIMESTAMPTZ NOT NULL,
    -- The data object as clients read it, one line of JSON; TEXT, because JSONB would reorder it.
    data   TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE IF NOT EXISTS job_steps (
    job_id      UUID NOT NULL,
    name        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    output      JSONB NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (job_id, name)
);

-- What belongs to a job goes with it. A foreign key would do the same and look the job up for every event inserted.
CREATE OR REPLACE FUNCTION ai_jobs_take_along() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.id;
    DELETE FROM job_steps WHERE job_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER ai_jobs_take_along AFTER DELETE ON ai_jobs
    FOR EACH ROW EXECUTE FUNCTION ai_jobs_take_along();

CREATE TABLE IF NOT EXISTS brand_intelligence (
    id                       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id                 UUID NOT NULL,
    brand_name               TEXT,
    tagline                  TEXT,
    mission                  TEXT,
    vision                   TEXT,
    "values"                 JSONB,
    brand_tone               TEXT,
    brand_voice              JSONB,
    messaging_themes         JSONB,
    industry                 TEXT,
    target_market            TEXT,
    unique_value_proposition TEXT,
    key_messages             JSONB,
    content_themes           JSONB,
    pages_analyzed           INTEGER DEFAULT 0,
    analysis_confidence      DECIMAL(3,2),
    raw_analysis             JSONB,
    created_at               TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at               TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS brand_intelligence_of_brand ON brand_intelligence (brand_id, created_at DESC);
