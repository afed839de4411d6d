//! Removes the events that retention no longer keeps.
//! Must not wait for a job that is being changed: the next call finds it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::store::StoreError;
use crate::store::plan::{PRUNE_ROUNDS, PRUNED_JOBS_PER_ROUND};

pub(super) async fn prune(
    connection: &mut PgConnection,
    deltas_before: DateTime<Utc>,
    events_before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let deltas = until_some_are_removed(connection, DELTAS, deltas_before).await?;
    let history = until_some_are_removed(connection, HISTORY, events_before).await?;
    Ok(deltas + history)
}

const DELTAS: &str = "
    WITH over AS (
        SELECT id FROM ai_jobs
        WHERE pruned = 'nothing' AND status IN ('completed', 'failed', 'cancelled') AND completed_at < $1
        ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM job_events AS e USING over WHERE e.job_id = over.id AND e.name = 'delta' RETURNING 1
    ), marked AS (
        UPDATE ai_jobs AS j SET pruned = 'deltas' FROM over WHERE j.id = over.id RETURNING 1
    )
    SELECT (SELECT count(*) FROM marked) AS jobs, (SELECT count(*) FROM removed) AS events";

const HISTORY: &str = "
    WITH over AS (
        SELECT id, last_seq FROM ai_jobs
        WHERE pruned IN ('nothing', 'deltas') AND status IN ('completed', 'failed', 'cancelled') AND completed_at < $1
        ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM job_events AS e USING over WHERE e.job_id = over.id AND e.seq < over.last_seq
        RETURNING e.name, e.brand_id, e.brand_seq
    ), marked AS (
        UPDATE ai_jobs AS j SET pruned = 'history', pruned_through = greatest(j.last_seq - 1, 0)
        FROM over WHERE j.id = over.id RETURNING 1
    ), gone AS (
        SELECT brand_id, max(brand_seq) AS through FROM removed WHERE name <> 'delta' GROUP BY brand_id
    ), brands AS (
        -- In the order in which commits lock them.
        SELECT b.brand_id FROM brand_streams AS b WHERE b.brand_id IN (SELECT brand_id FROM gone)
        ORDER BY b.brand_id FOR UPDATE
    ), told AS (
        UPDATE brand_streams AS b SET pruned_through = greatest(b.pruned_through, gone.through)
        FROM gone, brands WHERE b.brand_id = gone.brand_id AND b.brand_id = brands.brand_id RETURNING 1
    )
    SELECT (SELECT count(*) FROM marked) AS jobs, (SELECT count(*) FROM removed) AS events,
           (SELECT count(*) FROM told) AS brands";

/// Jobs without such events must not make the caller believe that all is done.
async fn until_some_are_removed(
    connection: &mut PgConnection,
    statement: &'static str,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    for _ in 0..PRUNE_ROUNDS {
        let round = sqlx::query(statement)
            .bind(before)
            .bind(i64::from(PRUNED_JOBS_PER_ROUND))
            .fetch_one(&mut *connection)
            .await?;
        let (jobs, events): (i64, i64) = (round.try_get("jobs")?, round.try_get("events")?);
        if events > 0 || jobs == 0 {
            return Ok(events.unsigned_abs());
        }
    }
    Ok(0)
}
