//! The table of recent events: written by each batch, read when the file is opened, and sorted in by the thousand.
//! Must not begin or end a transaction.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::recent::Recent;
use super::row::{self, microseconds};
use crate::job::BrandId;
use crate::store::StoreError;
use crate::store::plan::Plan;

/// The longest statement; with its parameters it stays below SQLite's limit of 32,766.
const LONGEST: usize = 2048;

/// Inserts the events of a plan, all recorded `now`, with one statement for each 2,048.
///
/// `OR FAIL`, because by default SQLite keeps a second journal to undo the statement alone. Here a refused row undoes the
/// whole transaction anyway.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    batch: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for run in plan.events.chunks(LONGEST) {
        let mut query = sqlx::query(insert_of(run.len())).bind(microseconds(now)).bind(batch);
        for event in run {
            query = query
                .bind(event.job_id.0)
                .bind(event.seq)
                .bind(event.name.as_str())
                .bind(&event.data)
                .bind(plan.brand_of(event).map(|brand_id| brand_id.0))
                .bind(event.brand_seq);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The statement for this many rows or somewhat fewer: parameters that are not bound are NULL, and such rows are left
/// out. So there are twelve statements, each prepared once.
fn insert_of(rows: usize) -> &'static str {
    static STATEMENTS: [OnceLock<String>; LONGEST.ilog2() as usize + 1] = [const { OnceLock::new() }; _];
    let shape = rows.next_power_of_two();
    STATEMENTS[shape.ilog2() as usize].get_or_init(|| {
        format!(
            "INSERT OR FAIL INTO recent_events (job_id, seq, name, at, data, brand_id, brand_seq, batch)
             SELECT e.column1, e.column2, e.column3, b.at, e.column4, e.column5, e.column6, b.batch
             FROM (SELECT ? AS at, ? AS batch) AS b CROSS JOIN (VALUES {}) AS e WHERE e.column1 IS NOT NULL",
            vec!["(?, ?, ?, ?, ?, ?)"; shape].join(", ")
        )
    })
}

/// All recent events.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Recent, StoreError> {
    let rows = sqlx::query(
        "SELECT job_id, seq, brand_seq, name, at, data, brand_id, batch FROM recent_events ORDER BY number",
    )
    .fetch_all(connection)
    .await?;
    let mut recent = Recent::default();
    for found in &rows {
        recent.add(BrandId(found.try_get("brand_id")?), row::event(found)?, found.try_get("batch")?);
    }
    Ok(recent)
}

/// Moves all recent events to where they are kept, job by job, and brings the rows of their jobs and brands up to date.
/// Answers how many there were.
pub(super) async fn sort_in(connection: &mut SqliteConnection, lease: Duration) -> Result<u64, sqlx::Error> {
    let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
    let sorted_in = sqlx::query(EVENTS).execute(&mut *connection).await?.rows_affected();
    sqlx::query(JOBS).bind(lease).execute(&mut *connection).await?;
    sqlx::query(BRANDS).execute(&mut *connection).await?;
    let recent = sqlx::query("DELETE FROM recent_events").execute(&mut *connection).await?.rows_affected();
    if sorted_in < recent {
        let left_out = recent - sorted_in;
        tracing::error!(left_out, "another program has written events of the same numbers; its events were kept");
    }
    Ok(recent)
}

/// `OR IGNORE`: an event of the same number can only be another program's, such as an older version of this one that
/// ran after a crash of this one, and whose events the rows of the jobs go on from.
const EVENTS: &str = "INSERT OR IGNORE INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
                      SELECT job_id, seq, name, at, data, brand_id, brand_seq FROM recent_events
                      ORDER BY job_id, seq";

/// A job's row is behind only by progress within a step.
const JOBS: &str =
    "UPDATE ai_jobs
     SET last_seq = r.seq, progress = r.data ->> 'progress', current_step = r.data ->> 'current_step',
         lease_expires_at = iif(ai_jobs.lease_expires_at IS NULL, NULL, max(ai_jobs.lease_expires_at, r.at + ?)),
         last_batch = coalesce(r.batch, ai_jobs.last_batch), updated_at = max(ai_jobs.updated_at, r.at)
     FROM (SELECT job_id, seq, at, data, batch FROM recent_events
           WHERE number IN (SELECT max(number) FROM recent_events GROUP BY job_id)) AS r
     WHERE ai_jobs.id = r.job_id AND ai_jobs.last_seq < r.seq";

const BRANDS: &str = "INSERT INTO brand_streams (brand_id, last_seq)
                      SELECT brand_id, max(brand_seq) FROM recent_events WHERE true GROUP BY brand_id
                      ON CONFLICT (brand_id) DO UPDATE SET last_seq = max(brand_streams.last_seq, excluded.last_seq)";
