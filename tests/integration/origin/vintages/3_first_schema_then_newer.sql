-- After 1: the newer migrations found the older tables there and added what was missing beside them.

CREATE TABLE ai_jobs (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id      UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    job_type      VARCHAR(50) NOT NULL CHECK (job_type IN (
        'brand_intelligence', 'target_audiences', 'competitor_analysis', 'products_services', 'campaigns'
    )),
    status        VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    input_data    JSONB DEFAULT '{}',
    result_data   JSONB DEFAULT '{}',
    result_id     UUID,
    progress      INTEGER DEFAULT 0,
    current_step  TEXT,
    total_steps   INTEGER DEFAULT 1,
    error_message TEXT,
    retry_count   INTEGER DEFAULT 0,
    max_retries   INTEGER DEFAULT 3,
    created_at    TIMESTAMPTZ DEFAULT now(),
    updated_at    TIMESTAMPTZ DEFAULT now(),
    started_at    TIMESTAMPTZ,
    completed_at  TIMESTAMPTZ
);
CREATE INDEX idx_ai_jobs_brand ON ai_jobs (brand_id);
CREATE INDEX idx_ai_jobs_status ON ai_jobs (status);
CREATE INDEX idx_ai_jobs_type ON ai_jobs (job_type);
CREATE INDEX idx_ai_jobs_created ON ai_jobs (created_at DESC);
CREATE TRIGGER touch_ai_jobs BEFORE UPDATE ON ai_jobs FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TABLE brand_intelligence (
    id                       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id                 UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    brand_name               VARCHAR(255),
    tagline                  TEXT,
    mission                  TEXT,
    vision                   TEXT,
    "values"                 JSONB,
    brand_tone               TEXT,
    brand_voice              JSONB,
    messaging_themes         JSONB,
    industry                 VARCHAR(255),
    target_market            TEXT,
    unique_value_proposition TEXT,
    key_messages             JSONB,
    content_themes           JSONB,
    pages_analyzed           INTEGER DEFAULT 0,
    analysis_confidence      DECIMAL(3,2),
    raw_analysis             JSONB,
    created_at               TIMESTAMPTZ DEFAULT now(),
    updated_at               TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX idx_brand_intelligence_brand ON brand_intelligence (brand_id);
CREATE TRIGGER touch_brand_intelligence BEFORE UPDATE ON brand_intelligence FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TABLE competitor_analyses (
    id                       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id                 UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    competitor_id            UUID REFERENCES competitors (id) ON DELETE SET NULL,
    competitor_name          VARCHAR(255) NOT NULL,
    competitor_website       VARCHAR(500),
    facebook_page            VARCHAR(500),
    total_ads_analyzed       INTEGER DEFAULT 0,
    ad_ids                   JSONB,
    ads_data                 JSONB,
    overview                 TEXT,
    positioning              TEXT,
    creative_strategy        JSONB,
    messaging_analysis       JSONB,
    visual_design_elements   JSONB,
    target_audience_insights JSONB,
    performance_indicators   JSONB,
    recommendations          JSONB,
    key_findings             JSONB,
    analysis_model           VARCHAR(100),
    analysis_confidence      DECIMAL(3,2),
    analysis_date            TIMESTAMPTZ DEFAULT now(),
    created_at               TIMESTAMPTZ DEFAULT now(),
    updated_at               TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX idx_competitor_analyses_brand ON competitor_analyses (brand_id);
CREATE TRIGGER touch_competitor_analyses BEFORE UPDATE ON competitor_analyses FOR EACH ROW EXECUTE FUNCTION touch();

INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, result_data, result_id, progress, current_step, error_message,
                     retry_count, created_at, updated_at, started_at, completed_at)
VALUES
    ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'brand_intelligence', 'pending',
     '{"url": "https://northwind.example"}', '{}', NULL, 0, NULL, NULL, 0,
     '2025-04-01 10:00:00+00', '2025-04-01 10:00:00+00', NULL, NULL),
    ('10000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'campaigns', 'pending', NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('10000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000001', 'competitor_analysis', 'processing',
     '{"competitor_name": "Southwind"}', '{}', NULL, 40, 'Analyzing', NULL, 1,
     '2025-04-01 11:00:00+00', '2025-04-01 11:01:00+00', '2025-04-01 11:00:30+00', NULL),
    ('10000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000001', 'target_audiences', 'completed', '{}',
     '{"personas": 3}', 'd0000000-0000-4000-8000-000000000001', 100, 'Done', NULL, 0,
     '2025-04-01 12:00:00+00', '2025-04-01 12:03:00+00', '2025-04-01 12:00:01+00', '2025-04-01 12:03:00+00'),
    ('10000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000002', 'products_services', 'failed', '{}', '{}', NULL, 20,
     'Generating', 'no answer', 3, '2025-04-01 13:00:00+00', '2025-04-01 13:03:00+00', '2025-04-01 13:00:01+00',
     '2025-04-01 13:03:00+00');
INSERT INTO brand_intelligence (id, brand_id, brand_name, "values", pages_analyzed, analysis_confidence, raw_analysis, created_at, updated_at)
VALUES
    ('20000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Northwind', '["care"]', 12, 0.85, '{"pages": []}',
     '2025-04-01 12:00:00+00', '2025-04-01 12:00:00+00');
INSERT INTO competitor_analyses (id, brand_id, competitor_id, competitor_name, total_ads_analyzed, analysis_confidence, analysis_date,
                                 created_at, updated_at)
VALUES
    ('30000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Southwind',
     20, 0.70, '2025-04-01 12:00:00+00', '2025-04-01 12:00:00+00', '2025-04-01 12:00:00+00');
