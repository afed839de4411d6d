-- Events in the order of their commits, until they are sorted into `job_events`.
--
-- A batch of events of many jobs fills few pages here, and touches a page of two indexes for each job there. So events
-- are written here, and sorted in together by the thousand. Until then the row of a job may be behind its events: in
-- `last_seq`, `progress`, `current_step`, `lease_expires_at`, `last_batch` and `updated_at`, where these changed by
-- events of an attempt that is under way; and the row of a brand in `last_seq`. When the server stops it sorts all in.
--
-- SQLite alone: the PostgreSQL migration of this number changes nothing.

CREATE TABLE recent_events (
    number           INTEGER PRIMARY KEY,
    job_id           BLOB NOT NULL,
    seq              INTEGER NOT NULL,
    name             TEXT NOT NULL,
    at               INTEGER NOT NULL,
    data             TEXT NOT NULL,
    brand_id         BLOB NOT NULL,
    brand_seq        INTEGER NOT NULL,
    -- What becomes the job's `last_batch`, which a claim leaves, and its `lease_expires_at`.
    batch            BLOB,
    lease_expires_at INTEGER NOT NULL
) STRICT;

-- What belongs to a job goes with it. The positions that its events had in the brand's stream stay taken.
DROP TRIGGER ai_jobs_take_along;
CREATE TRIGGER ai_jobs_take_along AFTER DELETE ON ai_jobs
BEGIN
    INSERT INTO brand_streams (brand_id, last_seq)
        SELECT brand_id, max(brand_seq) FROM recent_events WHERE job_id = OLD.id GROUP BY brand_id
        ON CONFLICT (brand_id) DO UPDATE SET last_seq = max(last_seq, excluded.last_seq);
    DELETE FROM job_events WHERE job_id = OLD.id;
    DELETE FROM recent_events WHERE job_id = OLD.id;
    DELETE FROM job_steps WHERE job_id = OLD.id;
    DELETE FROM webhook_deliveries WHERE job_id = OLD.id;
END;
