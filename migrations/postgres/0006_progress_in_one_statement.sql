-- Progress and deltas of many jobs as one statement: the transaction begins and ends with it.
--
-- The caller has worked the events out over the jobs as it knows them. Each job is changed only if it still is as the
-- caller says; otherwise nothing is, and the caller begins anew over locked rows (SQLSTATE JC001).

CREATE OR REPLACE FUNCTION jobcast_append_progress(
    batch           UUID,
    happened_at     TIMESTAMPTZ,
    lease_seconds   DOUBLE PRECISION,
    -- The jobs in the order of their ids: what is expected of each, and what becomes of it.
    job_ids         UUID[],
    attempts        BIGINT[],
    expected_batch  UUID[],
    expected_seq    BIGINT[],
    new_seq         BIGINT[],
    new_progress    BIGINT[],
    new_step        BIGINT[],
    new_step_text   TEXT[],
    new_step_start  TIMESTAMPTZ[],
    -- The brands in the order of their ids, and how many events each gets.
    brand_ids       UUID[],
    brand_events    BIGINT[],
    -- The events: the places of their job and brand in the arrays above, and how many events of the brand come after.
    event_job       INTEGER[],
    event_brand     INTEGER[],
    event_before    BIGINT[],
    event_seq       BIGINT[],
    event_name      TEXT[],
    event_data      TEXT[]
) RETURNS BIGINT[] -- where the stream of each brand has come to
LANGUAGE plpgsql
-- One plan for all sizes, which goes through the arrays in their order and so locks the rows in it.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- Should a plan lock in another order after all, two callers that wait for each other part soon.
SET lock_timeout = '100ms'
AS $$
#variable_conflict use_variable
DECLARE
    changed   BIGINT;
    positions BIGINT[];
BEGIN
    UPDATE ai_jobs AS j
    SET progress = c.progress, current_step = c.current_step, step = c.step, step_started_at = c.step_started_at,
        last_seq = c.last_seq, last_batch = batch, lease_expires_at = now() + make_interval(secs => lease_seconds),
        updated_at = now()
    FROM unnest(job_ids, attempts, expected_batch, expected_seq, new_seq, new_progress, new_step, new_step_text,
                new_step_start)
         AS c (id, attempt, expected_batch, expected_seq, last_seq, progress, step, current_step, step_started_at)
    -- Not `status = 'processing'`: that would offer the partial index of all jobs under way in place of the key.
    WHERE j.id = c.id AND j.status IS NOT DISTINCT FROM 'processing' AND j.attempt = c.attempt
      AND j.last_batch = c.expected_batch AND j.last_seq = c.expected_seq;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> cardinality(job_ids) THEN
        RAISE EXCEPTION 'jobs were changed by another instance; their progress is written anew'
            USING ERRCODE = 'JC001';
    END IF;

    -- After the jobs: the rows of the brands are locked until the end, so that their order is that of commits.
    WITH moved AS (
        UPDATE brand_streams AS s SET last_seq = s.last_seq + c.events
        FROM unnest(brand_ids, brand_events) WITH ORDINALITY AS c (brand_id, events, place)
        WHERE s.brand_id = c.brand_id
        RETURNING c.place, s.last_seq
    )
    SELECT array_agg(m.last_seq ORDER BY m.place) INTO positions FROM moved AS m;
    IF cardinality(positions) IS DISTINCT FROM cardinality(brand_ids) THEN
        RAISE EXCEPTION 'brands have no stream yet; the progress of their jobs is written anew'
            USING ERRCODE = 'JC001';
    END IF;

    INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
    SELECT job_ids[e.job], e.seq, e.name, happened_at, e.data, brand_ids[e.brand], positions[e.brand] - e.before
    FROM unnest(event_job, event_brand, event_before, event_seq, event_name, event_data)
         AS e (job, brand, before, seq, name, data);
    RETURN positions;
END
$$;
