//! The table of recent events: written by each batch, read when the file is opened, and sorted in a few or all at a time.
//! Must not begin a transaction, and ends one only together with the statement that writes a batch.

use std::collections::HashSet;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::known::COMMIT;
use super::recent::{Latest, Oldest, Recent, Shown, Written};
use super::row::{self, microseconds};
use super::statement::{list, over_rows, runs};
use crate::event::{Event, Seq};
use crate::job::BrandId;
use crate::store::StoreError;
use crate::store::plan::Plan;

/// The longest statement; with its parameters it stays below SQLite's limit of 32,766.
const LONGEST: usize = 2048;

/// Inserts the events of a plan, all recorded `now`, with one statement for each 2,048, and ends the transaction in one
/// go with the last of them.
///
/// `OR FAIL`, because by default SQLite keeps a second journal to undo the statement alone. Here a refused row undoes the
/// whole transaction anyway.
pub(super) async fn insert_and_commit(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    written: Written,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut runs = plan.events.chunks(LONGEST).peekable();
    if runs.peek().is_none() {
        sqlx::query(COMMIT).execute(&mut *connection).await?;
    }
    while let Some(run) = runs.next() {
        let statement = insert_of(run.len(), runs.peek().is_none());
        let mut query = sqlx::query(statement);
        query = query.bind(microseconds(now)).bind(written.batch).bind(written.lease_expires_at);
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
/// out. So there are few statements, each prepared once.
fn insert_of(rows: usize, is_last: bool) -> &'static str {
    static STATEMENTS: [[OnceLock<String>; SHAPES]; 2] = [const { [const { OnceLock::new() }; SHAPES] }; 2];
    let shape = rows.next_power_of_two();
    STATEMENTS[usize::from(is_last)][shape.ilog2() as usize].get_or_init(|| {
        format!(
            "INSERT OR FAIL INTO recent_events (job_id, seq, name, at, data, brand_id, brand_seq, batch,
                                                lease_expires_at)
             SELECT e.column1, e.column2, e.column3, b.at, e.column4, e.column5, e.column6, b.batch, b.lease
             FROM (SELECT ? AS at, ? AS batch, ? AS lease) AS b CROSS JOIN (VALUES {}) AS e WHERE e.column1 IS NOT NULL;
             {}",
            list("(?, ?, ?, ?, ?, ?)", shape),
            if is_last { COMMIT } else { "" },
        )
    })
}

/// The lengths of statements are powers of two up to the longest.
const SHAPES: usize = LONGEST.ilog2() as usize + 1;

/// The recent events that this version can read.
pub(super) struct Loaded {
    pub recent: Recent,
    /// Why it cannot read another, if there is one. What follows on it of the same job was left out, too.
    pub unreadable: Option<StoreError>,
}

/// All recent events. One that cannot be read, such as one of a later version, hides only what follows of its job.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Loaded, StoreError> {
    let rows = sqlx::query(
        "SELECT job_id, seq, brand_seq, name, at, data, brand_id, batch, lease_expires_at
         FROM recent_events ORDER BY number",
    )
    .fetch_all(connection)
    .await?;
    let mut recent = Recent::default();
    let mut unreadable = None;
    let mut hidden: HashSet<Vec<u8>> = HashSet::new();
    for found in &rows {
        let job_id: &[u8] = found.try_get("job_id")?;
        if hidden.contains(job_id) {
            continue;
        }
        match read(found) {
            Ok((brand_id, event, written)) => recent.add(brand_id, event, written),
            Err(error) => {
                unreadable.get_or_insert(error);
                hidden.insert(job_id.to_owned());
            }
        }
    }
    Ok(Loaded { recent, unreadable })
}

fn read(found: &SqliteRow) -> Result<(BrandId, Event, Written), StoreError> {
    let written = Written { batch: found.try_get("batch")?, lease_expires_at: found.try_get("lease_expires_at")? };
    let event = row::event(found)?;
    Shown::of(&event)?;
    Ok((BrandId(found.try_get("brand_id")?), event, written))
}

/// Moves the oldest recent events to where they are kept, job by job, and brings the rows of their jobs and brands up to
/// date. Answers how many there were.
pub(super) async fn sort_in(connection: &mut SqliteConnection, oldest: &Oldest) -> Result<usize, StoreError> {
    let count = i64::try_from(oldest.count).unwrap_or(i64::MAX);
    let through: Option<i64> = sqlx::query_scalar(THROUGH).bind(count).fetch_one(&mut *connection).await?;
    let sorted_in = sqlx::query(EVENTS).bind(through).execute(&mut *connection).await?.rows_affected();
    update_jobs(connection, &oldest.jobs).await?;
    update_brands(connection, &oldest.brands).await?;
    let delete = if oldest.are_all { sqlx::query(DELETE_ALL) } else { sqlx::query(DELETE).bind(through) };
    let recent = delete.execute(&mut *connection).await?.rows_affected();
    if sorted_in < recent {
        let left_out = recent - sorted_in;
        tracing::error!(left_out, "another program has written events of the same numbers; its events were kept");
    }
    Ok(usize::try_from(recent).unwrap_or(usize::MAX))
}

/// The number of the latest of them; what is committed later has a larger one.
const THROUGH: &str = "SELECT max(number) FROM (SELECT number FROM recent_events ORDER BY number LIMIT ?)";

const DELETE: &str = "DELETE FROM recent_events WHERE number <= ?";
/// Without a condition SQLite gives the pages back as they are.
const DELETE_ALL: &str = "DELETE FROM recent_events";

/// `OR IGNORE`: an event of the same number can only be another program's, such as an older version of this one that
/// ran after a crash of this one, and whose events the rows of the jobs go on from.
const EVENTS: &str = "INSERT OR IGNORE INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
                      SELECT job_id, seq, name, at, data, brand_id, brand_seq FROM recent_events
                      WHERE number <= ? ORDER BY job_id, seq";

/// What is written is what [`catch_up`](super::recent::catch_up) and [`Latest::lease`] say of a row that is behind.
async fn update_jobs(connection: &mut SqliteConnection, jobs: &[Latest]) -> Result<(), StoreError> {
    for run in runs(jobs) {
        let mut query = over_rows(
            "WITH c (id, last_seq, at, progress, current_step, lease_expires_at, last_batch) AS (VALUES",
            run.len(),
            7,
            ") UPDATE ai_jobs
             SET last_seq = c.last_seq, progress = c.progress, current_step = c.current_step,
                 lease_expires_at = iif(ai_jobs.lease_expires_at IS NULL OR ai_jobs.updated_at > c.at,
                                        ai_jobs.lease_expires_at, c.lease_expires_at),
                 last_batch = coalesce(c.last_batch, ai_jobs.last_batch), updated_at = max(ai_jobs.updated_at, c.at)
             FROM c WHERE ai_jobs.id = c.id AND ai_jobs.last_seq < c.last_seq",
        );
        for Latest { event, written } in run {
            let shown = Shown::of(event)?;
            query = query
                .bind(event.job_id.0)
                .bind(event.seq)
                .bind(microseconds(event.at))
                .bind(shown.progress)
                .bind(shown.current_step)
                .bind(written.lease_expires_at)
                .bind(written.batch);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn update_brands(connection: &mut SqliteConnection, brands: &[(BrandId, Seq)]) -> Result<(), StoreError> {
    for run in runs(brands) {
        let mut query = over_rows(
            "INSERT INTO brand_streams (brand_id, last_seq) VALUES",
            run.len(),
            2,
            "ON CONFLICT (brand_id) DO UPDATE SET last_seq = max(brand_streams.last_seq, excluded.last_seq)",
        );
        for (brand_id, last_seq) in run {
            query = query.bind(brand_id.0).bind(*last_seq);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
