-- New jobs, each with its first event, as one statement: the transaction begins and ends with it.
--
-- The caller has worked them out as if none of them were there. A job that is there already, or whose key its brand has
-- used, is refused by its unique index; the caller then begins anew over what is there.

CREATE OR REPLACE FUNCTION jobcast_start_jobs(
    batch          UUID,
    happened_at    TIMESTAMPTZ,
    -- The brands in the order of their ids, and how many events each gets.
    brand_ids      UUID[],
    brand_events   BIGINT[],
    -- The jobs: the place of the brand in the array above, and how many events of the brand come after the job's.
    job_ids        UUID[],
    job_brand      INTEGER[],
    event_before   BIGINT[],
    new_seq        BIGINT[],
    new_type       TEXT[],
    new_status     TEXT[],
    new_step_text  TEXT[],
    new_input      JSONB[],
    new_steps      BIGINT[],
    new_retries    BIGINT[],
    new_estimate   BIGINT[],
    new_key        TEXT[],
    new_webhook    TEXT[],
    event_name     TEXT[],
    event_data     TEXT[]
) RETURNS BIGINT[] -- where the stream of each brand has come to
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    positions BIGINT[];
BEGIN
    -- Before the jobs: of two transactions that start jobs of a brand under the same keys, one waits here and not in the
    -- middle of its jobs. The rows are locked until the end, so that the order of positions is that of commits.
    WITH moved AS (
        INSERT INTO brand_streams AS s (brand_id, last_seq)
        SELECT brand_ids[c.place], brand_events[c.place] FROM generate_series(1, cardinality(brand_ids)) AS c (place)
        ON CONFLICT ON CONSTRAINT brand_streams_pkey DO UPDATE SET last_seq = s.last_seq + EXCLUDED.last_seq
        RETURNING s.brand_id, s.last_seq
    )
    SELECT array_agg(m.last_seq ORDER BY m.brand_id) INTO positions FROM moved AS m;

    INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, current_step, total_steps, max_retries, last_seq,
                         created_at, updated_at, run_at, last_batch, estimated_duration, idempotency_key, pruned,
                         webhook_url)
    SELECT job_ids[c.place], brand_ids[job_brand[c.place]], new_type[c.place], new_status[c.place], new_input[c.place],
           new_step_text[c.place], new_steps[c.place], new_retries[c.place], new_seq[c.place], happened_at, now(), now(),
           batch, new_estimate[c.place], new_key[c.place], 'nothing', new_webhook[c.place]
    FROM generate_series(1, cardinality(job_ids)) AS c (place);

    INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
    SELECT job_ids[c.place], new_seq[c.place], event_name[c.place], happened_at, event_data[c.place],
           brand_ids[job_brand[c.place]], positions[job_brand[c.place]] - event_before[c.place]
    FROM generate_series(1, cardinality(job_ids)) AS c (place);
    RETURN positions;
END
$$;
