-- After 2: CHECKs under names of their own, and a job type that is unknown elsewhere, with a row of it.

ALTER TABLE ai_jobs DROP CONSTRAINT ai_jobs_job_type_check, DROP CONSTRAINT ai_jobs_status_check;
ALTER TABLE ai_jobs
    ADD CONSTRAINT valid_job_type CHECK (job_type IN (
        'brand_intelligence', 'target_audiences', 'competitor_analysis', 'products_services', 'campaigns', 'brand_audit'
    )),
    ADD CONSTRAINT valid_status CHECK (status IN ('pending', 'processing', 'completed', 'failed'));

INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, created_at, updated_at) VALUES
    ('10000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000001', 'brand_audit', 'pending', '{"depth": 2}',
     '2025-05-01 10:00:00+00', '2025-05-01 10:00:00+00');
