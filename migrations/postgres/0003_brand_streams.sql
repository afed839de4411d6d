-- One stream for all jobs of a brand: each event has a position of its own in it.

-- The row of a brand is locked after the rows of the jobs, in the order of ids, when its positions are taken: the order
-- of positions is then the order of commits, and a reader cannot pass one that becomes visible later.
CREATE TABLE IF NOT EXISTS brand_streams (
    brand_id       UUID PRIMARY KEY,
    -- The position of the latest event, and of the latest that retention has removed.
    last_seq       BIGINT NOT NULL,
    pruned_through BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Events from before have no position: a brand's stream begins with this version.
ALTER TABLE job_events
    ADD COLUMN IF NOT EXISTS brand_id  UUID,
    ADD COLUMN IF NOT EXISTS brand_seq BIGINT;
CREATE UNIQUE INDEX IF NOT EXISTS job_events_of_brand ON job_events (brand_id, brand_seq) WHERE brand_seq IS NOT NULL;
