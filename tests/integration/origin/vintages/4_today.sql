-- After 1 and 3: what has become of those tables since.

ALTER TABLE brands ADD COLUMN description TEXT;

ALTER TABLE campaigns
    DROP COLUMN target_audience,
    DROP COLUMN launch_date,
    DROP COLUMN marketing_objective,
    DROP COLUMN budget,
    ADD COLUMN target_audience_ids  JSONB,
    ADD COLUMN start_date           DATE,
    ADD COLUMN end_date             DATE,
    ADD COLUMN channels             JSONB,
    ADD COLUMN product_service_id   UUID REFERENCES products_services (id) ON DELETE SET NULL,
    ADD COLUMN marketing_objectives JSONB,
    ADD COLUMN other_objective      TEXT;

ALTER TABLE products_services
    ADD COLUMN image_urls        TEXT[] DEFAULT '{}',
    ADD COLUMN default_image_url TEXT;

ALTER TABLE competitor_analyses
    ADD COLUMN analysis_start_date DATE,
    ADD COLUMN analysis_end_date   DATE;

INSERT INTO campaigns (id, brand_id, name, start_date, channels, product_service_id, marketing_objectives, status, created_at, updated_at)
VALUES
    ('f0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'Autumn', '2025-09-01', '["Meta"]',
     'e0000000-0000-4000-8000-000000000001', '["awareness"]', 'draft', '2025-05-02 03:04:05+00', '2025-05-02 03:04:05+00');
