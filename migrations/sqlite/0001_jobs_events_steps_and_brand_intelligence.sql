-- Jobs, their events, the outputs of their steps, and the table that brand intelligence is saved to.
--
-- The same as the PostgreSQL migration of this number. Ids are 16-byte BLOBs, instants INTEGER microseconds since
-- 1970-01-01 UTC, JSON is TEXT.

CREATE TABLE ai_jobs (
    id               BLOB NOT NULL PRIMARY KEY,
    brand_id         BLOB NOT NULL,
    job_type         TEXT NOT NULL CHECK (job_type IN (
        'brand_intelligence', 'competitor_analysis', 'target_audiences', 'products_services', 'campaigns',
        'brand_extraction', 'page_discovery'
    )),
    status           TEXT NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'processing', 'completed', 'failed', 'cancelled'
    )),
    input_data       TEXT NOT NULL DEFAULT '{}',
    result_data      TEXT DEFAULT '{}',
    result_id        BLOB,
    progress         INTEGER DEFAULT 0,
    current_step     TEXT,
    total_steps      INTEGER DEFAULT 1,
    error_message    TEXT,
    retry_count      INTEGER DEFAULT 0,
    max_retries      INTEGER DEFAULT 3,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    started_at       INTEGER,
    completed_at     INTEGER,
    -- The number of the latest execution; it fences the writes of earlier ones.
    attempt          INTEGER NOT NULL DEFAULT 0,
    step             INTEGER NOT NULL DEFAULT 0,
    -- The number of the latest event, and of the latest that retention has removed.
    last_seq         INTEGER NOT NULL DEFAULT 0,
    pruned_through   INTEGER NOT NULL DEFAULT 0,
    -- When a worker may claim the job, and until when one holds it.
    run_at           INTEGER NOT NULL,
    lease_expires_at INTEGER,
    error_code       TEXT,
    -- The batch of writes that changed the job last: a batch whose answer was lost is not applied twice.
    last_batch       BLOB,
    -- Which events retention has removed, so that it does not look at the same job again: nothing, deltas, history.
    pruned           TEXT NOT NULL DEFAULT 'nothing'
) STRICT;

CREATE INDEX ai_jobs_due ON ai_jobs (run_at, created_at, id) WHERE status = 'pending';
-- Few rows at any time: also read for leases that have expired.
CREATE INDEX ai_jobs_processing ON ai_jobs (brand_id) WHERE status = 'processing';
CREATE INDEX ai_jobs_of_brand ON ai_jobs (brand_id, created_at DESC, id DESC);
CREATE INDEX ai_jobs_newest ON ai_jobs (created_at DESC, id DESC);
CREATE INDEX ai_jobs_durations ON ai_jobs (job_type, completed_at DESC) WHERE status = 'completed';
CREATE INDEX ai_jobs_prunable ON ai_jobs (pruned, completed_at)
    WHERE status IN ('completed', 'failed', 'cancelled') AND pruned <> 'history';

-- With rowids, so that events are appended at the end of the table: WITHOUT ROWID would split a page of every job that
-- is writing, at half the speed with 200 of them.
CREATE TABLE job_events (
    job_id BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    name   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    -- The data object as clients read it, one line of JSON.
    data   TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
) STRICT;

CREATE TABLE job_steps (
    job_id      BLOB NOT NULL,
    name        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    output      TEXT NOT NULL,
    finished_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, name)
) STRICT;

-- What belongs to a job goes with it. A foreign key would do the same and look the job up for every event inserted.
CREATE TRIGGER ai_jobs_take_along AFTER DELETE ON ai_jobs
BEGIN
    DELETE FROM job_events WHERE job_id = OLD.id;
    DELETE FROM job_steps WHERE job_id = OLD.id;
END;

CREATE TABLE brand_intelligence (
    id                       BLOB NOT NULL PRIMARY KEY,
    brand_id                 BLOB NOT NULL,
    brand_name               TEXT,
    tagline                  TEXT,
    mission                  TEXT,
    vision                   TEXT,
    "values"                 TEXT,
    brand_tone               TEXT,
    brand_voice              TEXT,
    messaging_themes         TEXT,
    industry                 TEXT,
    target_market            TEXT,
    unique_value_proposition TEXT,
    key_messages             TEXT,
    content_themes           TEXT,
    pages_analyzed           INTEGER DEFAULT 0,
    analysis_confidence      REAL,
    raw_analysis             TEXT,
    created_at               INTEGER NOT NULL,
    updated_at               INTEGER NOT NULL
) STRICT;
CREATE INDEX brand_intelligence_of_brand ON brand_intelligence (brand_id, created_at DESC);
