-- After 2: a further job type under the CHECK's usual name, with a row of it, and no CHECK of the status at all.

ALTER TABLE ai_jobs DROP CONSTRAINT ai_jobs_job_type_check, DROP CONSTRAINT ai_jobs_status_check;
ALTER TABLE ai_jobs ADD CONSTRAINT ai_jobs_job_type_check CHECK (job_type IN (
    'brand_intelligence', 'target_audiences', 'competitor_analysis', 'products_services', 'campaigns', 'brand_audit'
));

INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, created_at, updated_at) VALUES
    ('10000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000001', 'brand_audit', 'on_hold', '{"depth": 2}',
     '2025-05-01 10:00:00+00', '2025-05-01 10:00:00+00');
