//! Sorts in the recent events that were left in the file, by a run that did not end by itself or by another version.
//! Must not read them into this program, which may not know what it would read, and must not begin or end the transaction.

use sqlx::SqliteConnection;

use crate::store::StoreError;

/// Moves all recent events to where they are kept, and brings the rows of their jobs and brands up to date.
///
/// Left out are those of a job with which an older version has gone on: it does not know of recent events, and has given
/// the numbers that they have to events of its own. What it has shown since then stays.
///
/// # Errors
/// [`StoreError`] as the file's statements fail, such as on a full disk; the transaction must then not be committed.
pub(super) async fn sort_in(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // Most often there is nothing, and then nothing is written.
    if !sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM recent_events)").fetch_one(&mut *connection).await? {
        return Ok(());
    }
    sqlx::query(BRANDS).execute(&mut *connection).await?;
    let left_out = sqlx::query(LEAVE_OUT).execute(&mut *connection).await?.rows_affected();
    sqlx::query(JOBS).execute(&mut *connection).await?;
    let sorted_in = sqlx::query(EVENTS).execute(&mut *connection).await?.rows_affected();
    let recent = sqlx::query("DELETE FROM recent_events").execute(&mut *connection).await?.rows_affected();
    let left_out = left_out + recent.saturating_sub(sorted_in);
    if left_out > 0 {
        tracing::error!(left_out, "another program has written events of the same numbers; its events were kept");
    }
    Ok(())
}

/// Of those that are left out, too: their positions have been shown.
const BRANDS: &str = "INSERT INTO brand_streams (brand_id, last_seq)
                      SELECT brand_id, max(brand_seq) FROM recent_events GROUP BY brand_id
                      ON CONFLICT (brand_id) DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)";

const LEAVE_OUT: &str = "DELETE FROM recent_events WHERE job_id IN (
                             SELECT r.job_id FROM (SELECT job_id, min(seq) AS seq FROM recent_events GROUP BY job_id) AS r
                             WHERE EXISTS (SELECT 1 FROM job_events AS e WHERE e.job_id = r.job_id AND e.seq >= r.seq))";

/// What is written is what [`catch_up`](super::recent::catch_up) and [`Latest::lease`](super::recent::Latest::lease) say
/// of a row that is behind. The columns beside `max` are those of the row that has it (sqlite.org/lang_select.html#bareagg).
const JOBS: &str = "UPDATE ai_jobs
                    SET last_seq = c.last_seq,
                        progress = coalesce(CAST(json_extract(c.data, '$.progress') AS INTEGER), ai_jobs.progress),
                        current_step = coalesce(CAST(json_extract(c.data, '$.current_step') AS TEXT),
                                                ai_jobs.current_step),
                        lease_expires_at = iif(ai_jobs.lease_expires_at IS NULL OR ai_jobs.updated_at > c.at,
                                               ai_jobs.lease_expires_at, c.lease_expires_at),
                        last_batch = coalesce(c.batch, ai_jobs.last_batch), updated_at = max(ai_jobs.updated_at, c.at)
                    FROM (SELECT job_id, max(seq) AS last_seq, at, iif(json_valid(data), data, '{}') AS data, batch,
                                 lease_expires_at
                          FROM recent_events GROUP BY job_id) AS c
                    WHERE ai_jobs.id = c.job_id AND ai_jobs.last_seq < c.last_seq";

/// A position in the brand that an older version has given to another event stays that one's: the job's history is whole
/// all the same. `OR IGNORE`: nothing that the file holds may stop it from being opened.
const EVENTS: &str = "INSERT OR IGNORE INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
                      SELECT job_id, seq, name, at, data, brand_id,
                             iif(EXISTS (SELECT 1 FROM job_events AS e
                                         WHERE e.brand_id = r.brand_id AND e.brand_seq = r.brand_seq), NULL, brand_seq)
                      FROM recent_events AS r ORDER BY job_id, seq";
