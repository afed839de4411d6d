-- A database made by the origin application's newer migrations alone.

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;

CREATE TABLE brands (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name          VARCHAR(255) NOT NULL,
    website       VARCHAR(500),
    logo_url      TEXT,
    primary_color VARCHAR(7),
    slug          VARCHAR(255) UNIQUE NOT NULL,
    short_id      VARCHAR(6) UNIQUE NOT NULL,
    industry      VARCHAR(100),
    favicon_url   TEXT,
    created_at    TIMESTAMPTZ DEFAULT now(),
    updated_at    TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE brand_data (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id    UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    url         TEXT,
    "timestamp" TIMESTAMPTZ,
    colors      JSONB,
    typography  JSONB,
    logos       JSONB,
    metadata    JSONB,
    screenshot  JSONB,
    created_at  TIMESTAMPTZ DEFAULT now(),
    updated_at  TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX idx_brand_data_brand ON brand_data (brand_id);

CREATE TABLE competitors (
    id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id   UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name       VARCHAR(255) NOT NULL,
    website    VARCHAR(500),
    created_at TIMESTAMPTZ DEFAULT now(),
    updated_at TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE target_audiences (
    id             UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id       UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name           VARCHAR(255) NOT NULL,
    description    TEXT,
    demographics   JSONB,
    psychographics JSONB,
    created_at     TIMESTAMPTZ DEFAULT now(),
    updated_at     TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE products_services (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id    UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name        VARCHAR(255) NOT NULL,
    category    VARCHAR(100) NOT NULL,
    description TEXT,
    price       VARCHAR(100),
    features    JSONB,
    image_url   TEXT,
    created_at  TIMESTAMPTZ DEFAULT now(),
    updated_at  TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE campaigns (
    id                  UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id            UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name                VARCHAR(255) NOT NULL,
    objective           TEXT NOT NULL,
    target_audience_ids JSONB,
    start_date          DATE,
    end_date            DATE,
    budget              VARCHAR(100),
    channels            JSONB,
    status              VARCHAR(20) DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed')),
    created_at          TIMESTAMPTZ DEFAULT now(),
    updated_at          TIMESTAMPTZ DEFAULT now()
);

CREATE TRIGGER touch_brands BEFORE UPDATE ON brands FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_competitors BEFORE UPDATE ON competitors FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_target_audiences BEFORE UPDATE ON target_audiences FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_products_services BEFORE UPDATE ON products_services FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_campaigns BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION touch();

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

INSERT INTO brands (id, name, website, slug, short_id, industry, created_at, updated_at) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'Northwind', 'https://northwind.example', 'northwind', 'nw0001', 'Kettles',
     '2025-01-02 03:04:05.678901+00', '2025-02-03 04:05:06+00'),
    ('a0000000-0000-4000-8000-000000000002', 'Søren & Sons', NULL, 'soren', 'so0002', NULL,
     '2025-01-03 00:00:00+00', '2025-01-03 00:00:00+00'),
    ('a0000000-0000-4000-8000-000000000003', 'Third', NULL, 'third', 'th0003', NULL, NULL, NULL);
INSERT INTO brand_data (id, brand_id, url, colors, created_at, updated_at) VALUES
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'https://northwind.example',
     '{"primary": ["#1e40af"]}', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO competitors (id, brand_id, name, created_at, updated_at) VALUES
    ('c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Southwind',
     '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO target_audiences (id, brand_id, name, demographics, psychographics, created_at, updated_at) VALUES
    ('d0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Tea drinkers', '{"age_range": "30-60"}',
     '{"interests": ["tea"]}', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO products_services (id, brand_id, name, category, price, features, created_at, updated_at) VALUES
    ('e0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Kettle No. 1', 'Kettles', 'from $40', '["copper"]',
     '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO campaigns (id, brand_id, name, objective, start_date, end_date, budget, channels, status, created_at, updated_at) VALUES
    ('f0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Spring', 'awareness', '2025-03-01', '2025-04-01',
     '$5k', '["Meta"]', 'active', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
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
