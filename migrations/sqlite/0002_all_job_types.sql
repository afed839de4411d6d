-- What the six further job types need: their tables, the time of each step, and the key under which a job was started.
--
-- The same as the PostgreSQL migration of this number.

-- When the current step began, and how long the job was expected to take, in seconds.
ALTER TABLE ai_jobs ADD COLUMN step_started_at INTEGER;
ALTER TABLE ai_jobs ADD COLUMN estimated_duration INTEGER;
-- What the client called the start: a second start of the brand under the same key is the same job.
ALTER TABLE ai_jobs ADD COLUMN idempotency_key TEXT;
CREATE UNIQUE INDEX ai_jobs_idempotency ON ai_jobs (brand_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- How long the step took, in milliseconds; what was stored before this column has none.
ALTER TABLE job_steps ADD COLUMN took_ms INTEGER;

CREATE TABLE competitor_analyses (
    id                       BLOB NOT NULL PRIMARY KEY,
    brand_id                 BLOB NOT NULL,
    competitor_id            BLOB,
    competitor_name          TEXT NOT NULL,
    competitor_website       TEXT,
    facebook_page            TEXT,
    total_ads_analyzed       INTEGER DEFAULT 0,
    ad_ids                   TEXT,
    ads_data                 TEXT,
    overview                 TEXT,
    positioning              TEXT,
    creative_strategy        TEXT,
    messaging_analysis       TEXT,
    visual_design_elements   TEXT,
    target_audience_insights TEXT,
    performance_indicators   TEXT,
    recommendations          TEXT,
    key_findings             TEXT,
    analysis_model           TEXT,
    analysis_confidence      REAL,
    analysis_date            INTEGER,
    analysis_start_date      TEXT,
    analysis_end_date        TEXT,
    created_at               INTEGER NOT NULL,
    updated_at               INTEGER NOT NULL
) STRICT;
CREATE INDEX competitor_analyses_of_brand ON competitor_analyses (brand_id, created_at DESC);

CREATE TABLE target_audiences (
    id             BLOB NOT NULL PRIMARY KEY,
    brand_id       BLOB NOT NULL,
    name           TEXT NOT NULL,
    description    TEXT,
    demographics   TEXT,
    psychographics TEXT,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX target_audiences_of_brand ON target_audiences (brand_id, created_at DESC);

CREATE TABLE products_services (
    id          BLOB NOT NULL PRIMARY KEY,
    brand_id    BLOB NOT NULL,
    name        TEXT NOT NULL,
    category    TEXT NOT NULL,
    description TEXT,
    price       TEXT,
    features    TEXT,
    image_url   TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX products_services_of_brand ON products_services (brand_id, created_at DESC);

CREATE TABLE campaigns (
    id                  BLOB NOT NULL PRIMARY KEY,
    brand_id            BLOB NOT NULL,
    name                TEXT NOT NULL,
    objective           TEXT NOT NULL,
    target_audience_ids TEXT,
    start_date          TEXT,
    end_date            TEXT,
    budget              TEXT,
    channels            TEXT,
    status              TEXT DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed')),
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX campaigns_of_brand ON campaigns (brand_id, created_at DESC);

CREATE TABLE brand_data (
    id          BLOB NOT NULL PRIMARY KEY,
    brand_id    BLOB NOT NULL,
    url         TEXT,
    "timestamp" INTEGER,
    colors      TEXT,
    typography  TEXT,
    logos       TEXT,
    metadata    TEXT,
    screenshot  TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX brand_data_of_brand ON brand_data (brand_id, created_at DESC);

-- Our own: the origin application has no table for this.
CREATE TABLE brand_pages (
    id                BLOB NOT NULL PRIMARY KEY,
    brand_id          BLOB NOT NULL,
    url               TEXT,
    "timestamp"       INTEGER,
    total_pages_found INTEGER,
    pages             TEXT,
    insights          TEXT,
    metadata          TEXT,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX brand_pages_of_brand ON brand_pages (brand_id, created_at DESC);
