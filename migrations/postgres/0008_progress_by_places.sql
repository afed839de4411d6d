-- The statement of progress, as before but for how it reads its arrays: by the place of each member. `unnest` makes a table
-- of each array first, which was an eighth of what an event cost the server.

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
-- One plan for all sizes, which goes through the places in their order and so locks the rows in it.
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
    lease_end TIMESTAMPTZ := now() + make_interval(secs => lease_seconds);
    changed   BIGINT;
    positions BIGINT[];
BEGIN
    UPDATE ai_jobs AS j
    SET progress = new_progress[c.place], current_step = new_step_text[c.place], step = new_step[c.place],
        step_started_at = new_step_start[c.place], last_seq = new_seq[c.place], last_batch = batch,
        lease_expires_at = lease_end, updated_at = now()
    FROM generate_series(1, cardinality(job_ids)) AS c (place)
    -- Not `status = 'processing'`: that would offer the partial index of all jobs under way in place of the key.
    WHERE j.id = job_ids[c.place] AND j.status IS NOT DISTINCT FROM 'processing' AND j.attempt = attempts[c.place]
      AND j.last_batch = expected_batch[c.place] AND j.last_seq = expected_seq[c.place];
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> cardinality(job_ids) THEN
        RAISE EXCEPTION 'jobs were changed by another instance; their progress is written anew'
            USING ERRCODE = 'JC001';
    END IF;

    -- After the jobs: the rows of the brands are locked until the end, so that their order is that of commits.
    WITH moved AS (
        UPDATE brand_streams AS s SET last_seq = s.last_seq + brand_events[c.place]
        FROM generate_series(1, cardinality(brand_ids)) AS c (place)
        WHERE s.brand_id = brand_ids[c.place]
        RETURNING c.place, s.last_seq
    )
    SELECT array_agg(m.last_seq ORDER BY m.place) INTO positions FROM moved AS m;
    IF cardinality(positions) IS DISTINCT FROM cardinality(brand_ids) THEN
        RAISE EXCEPTION 'brands have no stream yet; the progress of their jobs is written anew'
            USING ERRCODE = 'JC001';
    END IF;

    INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
    SELECT job_ids[event_job[e.place]], event_seq[e.place], event_name[e.place], happened_at, event_data[e.place],
           brand_ids[event_brand[e.place]], positions[event_brand[e.place]] - event_before[e.place]
    FROM generate_series(1, cardinality(event_job)) AS e (place);
    RETURN positions;
END
$$;
