-- What the six further job types need: their tables, the time of each step, and the key under which a job was started.
--
-- The tables have the names and columns of the origin application. One that is there keeps its rows and its own types;
-- what it lacks is added. Nothing of its own is dropped, and nothing that was optional becomes required.

ALTER TABLE ai_jobs
    -- When the current step began, and how long the job was expected to take, in seconds.
    ADD COLUMN IF NOT EXISTS step_started_at    TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS estimated_duration INTEGER,
    -- What the client called the start: a second start of the brand under the same key is the same job.
    ADD COLUMN IF NOT EXISTS idempotency_key    TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS ai_jobs_idempotency ON ai_jobs (brand_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- How long the step took, in milliseconds; what was stored before this column has none.
ALTER TABLE job_steps ADD COLUMN IF NOT EXISTS took_ms BIGINT;

-- A CHECK of the origin application's that refuses one of our names, whatever the CHECK is called, is widened, not
-- dropped: what it allowed stays allowed.
DO $$
DECLARE
    types    CONSTANT VARCHAR[] := ARRAY['brand_intelligence', 'competitor_analysis', 'target_audiences',
                                         'products_services', 'campaigns', 'brand_extraction', 'page_discovery'];
    statuses CONSTANT VARCHAR[] := ARRAY['pending', 'processing', 'completed', 'failed', 'cancelled'];
    found    RECORD;
    names    VARCHAR[];
    is_wide  BOOLEAN;
BEGIN
    FOR found IN
        SELECT c.conname AS name, c.convalidated AS is_valid, pg_get_expr(c.conbin, c.conrelid) AS condition,
               a.attname AS subject
        FROM pg_constraint AS c
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
        WHERE c.conrelid = 'ai_jobs'::regclass AND c.contype = 'c' AND a.attname IN ('job_type', 'status')
    LOOP
        names := CASE found.subject WHEN 'status' THEN statuses ELSE types END;
        EXECUTE format('SELECT bool_and(coalesce((%s), true)) FROM unnest($1) AS t (%I)', found.condition, found.subject)
            INTO is_wide USING names;
        CONTINUE WHEN is_wide;
        EXECUTE format('ALTER TABLE ai_jobs DROP CONSTRAINT %I', found.name);
        EXECUTE format('ALTER TABLE ai_jobs ADD CONSTRAINT %I CHECK ((%s) OR %I = ANY (%L::varchar[])) %s', found.name,
                       found.condition, found.subject, names, CASE WHEN found.is_valid THEN '' ELSE 'NOT VALID' END);
    END LOOP;
END
$$;

-- Retention marks the jobs whose events it has removed. What the origin application has written has no events: marking
-- it would set off the triggers there, so it counts as marked from the start. Rows that are there get the new default
-- without being touched.
ALTER TABLE ai_jobs ALTER COLUMN pruned SET DEFAULT 'history';
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ai_jobs WHERE last_seq = 0) THEN
        ALTER TABLE ai_jobs DROP COLUMN pruned;
        ALTER TABLE ai_jobs ADD COLUMN pruned TEXT NOT NULL DEFAULT 'history';
        CREATE INDEX ai_jobs_prunable ON ai_jobs (pruned, completed_at)
            WHERE status IN ('completed', 'failed', 'cancelled') AND pruned <> 'history';
        UPDATE ai_jobs SET pruned = 'nothing' WHERE last_seq > 0;
    END IF;
END
$$;

-- Tables: created where they are missing; `brands` may be missing too.
CREATE TABLE IF NOT EXISTS competitor_analyses (
    id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id        UUID NOT NULL,
    competitor_name VARCHAR(255) NOT NULL
);
ALTER TABLE competitor_analyses
    ADD COLUMN IF NOT EXISTS competitor_id            UUID,
    ADD COLUMN IF NOT EXISTS competitor_website       VARCHAR(500),
    ADD COLUMN IF NOT EXISTS facebook_page            VARCHAR(500),
    ADD COLUMN IF NOT EXISTS total_ads_analyzed       INTEGER DEFAULT 0,
    ADD COLUMN IF NOT EXISTS ad_ids                   JSONB,
    ADD COLUMN IF NOT EXISTS ads_data                 JSONB,
    ADD COLUMN IF NOT EXISTS overview                 TEXT,
    ADD COLUMN IF NOT EXISTS positioning              TEXT,
    ADD COLUMN IF NOT EXISTS creative_strategy        JSONB,
    ADD COLUMN IF NOT EXISTS messaging_analysis       JSONB,
    ADD COLUMN IF NOT EXISTS visual_design_elements   JSONB,
    ADD COLUMN IF NOT EXISTS target_audience_insights JSONB,
    ADD COLUMN IF NOT EXISTS performance_indicators   JSONB,
    ADD COLUMN IF NOT EXISTS recommendations          JSONB,
    ADD COLUMN IF NOT EXISTS key_findings             JSONB,
    ADD COLUMN IF NOT EXISTS analysis_model           VARCHAR(100),
    ADD COLUMN IF NOT EXISTS analysis_confidence      DECIMAL(3,2),
    ADD COLUMN IF NOT EXISTS analysis_date            TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS analysis_start_date      DATE,
    ADD COLUMN IF NOT EXISTS analysis_end_date        DATE,
    ADD COLUMN IF NOT EXISTS created_at               TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at               TIMESTAMPTZ DEFAULT now();
CREATE INDEX IF NOT EXISTS competitor_analyses_of_brand ON competitor_analyses (brand_id, created_at DESC);

CREATE TABLE IF NOT EXISTS target_audiences (
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id UUID NOT NULL,
    name     VARCHAR(255) NOT NULL
);
ALTER TABLE target_audiences
    ADD COLUMN IF NOT EXISTS description    TEXT,
    ADD COLUMN IF NOT EXISTS demographics   JSONB,
    ADD COLUMN IF NOT EXISTS psychographics JSONB,
    ADD COLUMN IF NOT EXISTS created_at     TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at     TIMESTAMPTZ DEFAULT now();
CREATE INDEX IF NOT EXISTS target_audiences_of_brand ON target_audiences (brand_id, created_at DESC);

CREATE TABLE IF NOT EXISTS products_services (
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id UUID NOT NULL,
    name     VARCHAR(255) NOT NULL,
    category VARCHAR(100) NOT NULL
);
ALTER TABLE products_services
    ADD COLUMN IF NOT EXISTS category    VARCHAR(100),
    ADD COLUMN IF NOT EXISTS description TEXT,
    ADD COLUMN IF NOT EXISTS price       VARCHAR(100),
    ADD COLUMN IF NOT EXISTS features    JSONB,
    ADD COLUMN IF NOT EXISTS image_url   TEXT,
    ADD COLUMN IF NOT EXISTS created_at  TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at  TIMESTAMPTZ DEFAULT now();
CREATE INDEX IF NOT EXISTS products_services_of_brand ON products_services (brand_id, created_at DESC);

CREATE TABLE IF NOT EXISTS campaigns (
    id        UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id  UUID NOT NULL,
    name      VARCHAR(255) NOT NULL,
    objective TEXT NOT NULL,
    status    VARCHAR(20) DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed'))
);
ALTER TABLE campaigns
    ADD COLUMN IF NOT EXISTS objective           TEXT,
    ADD COLUMN IF NOT EXISTS target_audience_ids JSONB,
    ADD COLUMN IF NOT EXISTS start_date          DATE,
    ADD COLUMN IF NOT EXISTS end_date            DATE,
    ADD COLUMN IF NOT EXISTS budget              VARCHAR(100),
    ADD COLUMN IF NOT EXISTS channels            JSONB,
    ADD COLUMN IF NOT EXISTS status              VARCHAR(20) DEFAULT 'draft',
    ADD COLUMN IF NOT EXISTS created_at          TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at          TIMESTAMPTZ DEFAULT now();
CREATE INDEX IF NOT EXISTS campaigns_of_brand ON campaigns (brand_id, created_at DESC);

CREATE TABLE IF NOT EXISTS brand_data (
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id UUID NOT NULL
);
ALTER TABLE brand_data
    ADD COLUMN IF NOT EXISTS url         TEXT,
    ADD COLUMN IF NOT EXISTS "timestamp" TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS colors      JSONB,
    ADD COLUMN IF NOT EXISTS typography  JSONB,
    ADD COLUMN IF NOT EXISTS logos       JSONB,
    ADD COLUMN IF NOT EXISTS metadata    JSONB,
    ADD COLUMN IF NOT EXISTS screenshot  JSONB,
    ADD COLUMN IF NOT EXISTS created_at  TIMESTAMPTZ DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at  TIMESTAMPTZ DEFAULT now();
CREATE INDEX IF NOT EXISTS brand_data_of_brand ON brand_data (brand_id, created_at DESC);

-- Our own: the origin application has no table for this.
CREATE TABLE IF NOT EXISTS brand_pages (
    id                UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id          UUID NOT NULL,
    url               TEXT,
    "timestamp"       TIMESTAMPTZ,
    total_pages_found INTEGER,
    pages             JSONB,
    insights          JSONB,
    metadata          JSONB,
    created_at        TIMESTAMPTZ DEFAULT now(),
    updated_at        TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX IF NOT EXISTS brand_pages_of_brand ON brand_pages (brand_id, created_at DESC);

-- The table of the first migration, where the origin application had an older one.
ALTER TABLE brand_intelligence
    ADD COLUMN IF NOT EXISTS brand_name               TEXT,
    ADD COLUMN IF NOT EXISTS tagline                  TEXT,
    ADD COLUMN IF NOT EXISTS mission                  TEXT,
    ADD COLUMN IF NOT EXISTS vision                   TEXT,
    ADD COLUMN IF NOT EXISTS "values"                 JSONB,
    ADD COLUMN IF NOT EXISTS brand_tone               TEXT,
    ADD COLUMN IF NOT EXISTS brand_voice              JSONB,
    ADD COLUMN IF NOT EXISTS messaging_themes         JSONB,
    ADD COLUMN IF NOT EXISTS industry                 TEXT,
    ADD COLUMN IF NOT EXISTS target_market            TEXT,
    ADD COLUMN IF NOT EXISTS unique_value_proposition TEXT,
    ADD COLUMN IF NOT EXISTS key_messages             JSONB,
    ADD COLUMN IF NOT EXISTS content_themes           JSONB,
    ADD COLUMN IF NOT EXISTS pages_analyzed           INTEGER DEFAULT 0,
    ADD COLUMN IF NOT EXISTS analysis_confidence      DECIMAL(3,2),
    ADD COLUMN IF NOT EXISTS raw_analysis             JSONB;

-- Where the origin application's tables refer to its brands, all tables here do. Otherwise a job of a brand that does
-- not exist would run and be paid for before its result is refused, and rows of ours would outlive their brand. What is
-- there already is not looked at.
DO $$
DECLARE
    ours   CONSTANT REGCLASS[] := ARRAY['ai_jobs', 'brand_intelligence', 'competitor_analyses', 'target_audiences',
                                        'products_services', 'campaigns', 'brand_data', 'brand_pages']::regclass[];
    brands RECORD;
    lacks  REGCLASS;
BEGIN
    SELECT c.confrelid::regclass AS name, there.attname AS id INTO brands
    FROM pg_constraint AS c
    JOIN pg_attribute AS here ON here.attrelid = c.conrelid AND c.conkey = ARRAY[here.attnum]
    JOIN pg_attribute AS there ON there.attrelid = c.confrelid AND c.confkey = ARRAY[there.attnum]
    WHERE c.conrelid = ANY (ours) AND c.contype = 'f' AND c.confdeltype = 'c' AND here.attname = 'brand_id'
    ORDER BY c.conname LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR lacks IN
        SELECT t.oid FROM unnest(ours) AS t (oid)
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_constraint AS c
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
            WHERE c.conrelid = t.oid AND c.contype = 'f' AND a.attname = 'brand_id'
        )
    LOOP
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (brand_id) REFERENCES %s (%I) ON DELETE CASCADE NOT VALID',
                       lacks, brands.name, brands.id);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no foreign keys to brands were added: %', SQLERRM;
END
$$;
