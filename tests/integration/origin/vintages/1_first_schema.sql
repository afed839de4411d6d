-- The origin application's first schema, with rows: no jobs and no results of jobs yet.

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
    brand_id    UUID REFERENCES brands (id) ON DELETE CASCADE,
    url         TEXT,
    "timestamp" TIMESTAMPTZ,
    colors      JSONB,
    typography  JSONB,
    logos       JSONB,
    metadata    JSONB,
    screenshot  JSONB,
    created_at  TIMESTAMPTZ DEFAULT now()
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
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id     UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name         VARCHAR(255) NOT NULL,
    description  TEXT,
    demographics TEXT,
    interests    JSONB,
    pain_points  JSONB,
    goals        JSONB,
    channels     JSONB,
    budget_range VARCHAR(100),
    created_at   TIMESTAMPTZ DEFAULT now(),
    updated_at   TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE products_services (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id    UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name        VARCHAR(255) NOT NULL,
    description TEXT,
    image_url   TEXT,
    category    VARCHAR(100),
    price       VARCHAR(100),
    features    JSONB,
    created_at  TIMESTAMPTZ DEFAULT now(),
    updated_at  TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE campaigns (
    id                  UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    brand_id            UUID NOT NULL REFERENCES brands (id) ON DELETE CASCADE,
    name                VARCHAR(255) NOT NULL,
    marketing_objective VARCHAR(50),
    launch_date         DATE,
    budget              VARCHAR(100),
    objective           TEXT,
    target_audience     TEXT,
    status              VARCHAR(50) DEFAULT 'draft',
    created_at          TIMESTAMPTZ DEFAULT now(),
    updated_at          TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX idx_campaigns_brand ON campaigns (brand_id);

CREATE TRIGGER touch_brands BEFORE UPDATE ON brands FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_competitors BEFORE UPDATE ON competitors FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_target_audiences BEFORE UPDATE ON target_audiences FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_products_services BEFORE UPDATE ON products_services FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_campaigns BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION touch();

INSERT INTO brands (id, name, website, slug, short_id, industry, created_at, updated_at) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'Northwind', 'https://northwind.example', 'northwind', 'nw0001', 'Kettles',
     '2025-01-02 03:04:05.678901+00', '2025-02-03 04:05:06+00'),
    ('a0000000-0000-4000-8000-000000000002', 'Søren & Sons', NULL, 'soren', 'so0002', NULL,
     '2025-01-03 00:00:00+00', '2025-01-03 00:00:00+00'),
    ('a0000000-0000-4000-8000-000000000003', 'Third', NULL, 'third', 'th0003', NULL, NULL, NULL);
INSERT INTO brand_data (id, brand_id, url, "timestamp", colors, created_at) VALUES
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'https://northwind.example',
     '2025-01-02 03:04:05+00', '{"primary": ["#1e40af"]}', '2025-01-02 03:04:05+00'),
    ('b0000000-0000-4000-8000-000000000002', NULL, 'https://nobody.example', NULL, NULL, '2025-01-02 03:04:05+00');
INSERT INTO competitors (id, brand_id, name, created_at, updated_at) VALUES
    ('c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Southwind',
     '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO target_audiences (id, brand_id, name, demographics, interests, pain_points, channels, budget_range, created_at, updated_at)
VALUES
    ('d0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Tea drinkers', 'women and men of 30 to 60',
     '["tea"]', '["hard water"]', '["mail"]', '$100–500', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00'),
    ('d0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'Everybody', NULL, NULL, NULL, NULL, NULL,
     '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO products_services (id, brand_id, name, category, price, features, created_at, updated_at) VALUES
    ('e0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Kettle No. 1', NULL, 'from $40', '["copper"]',
     '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
INSERT INTO campaigns (id, brand_id, name, marketing_objective, launch_date, budget, objective, target_audience, status, created_at, updated_at)
VALUES
    ('f0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Spring', 'awareness', '2025-03-01', '$5k', NULL,
     'Tea drinkers', 'live now', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00');
