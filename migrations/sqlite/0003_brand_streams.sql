-- One stream for all jobs of a brand: each event has a position of its own in it.
--
-- The same as the PostgreSQL migration of this number.

CREATE TABLE brand_streams (
    brand_id       BLOB NOT NULL PRIMARY KEY,
    -- The position of the latest event, and of the latest that retention has removed.
    last_seq       INTEGER NOT NULL,
    pruned_through INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Events from before have no position: a brand's stream begins with this version.
ALTER TABLE job_events ADD COLUMN brand_id BLOB;
ALTER TABLE job_events ADD COLUMN brand_seq INTEGER;
CREATE UNIQUE INDEX job_events_of_brand ON job_events (brand_id, brand_seq) WHERE brand_seq IS NOT NULL;
