//! Commits a batch of writes in one transaction.
//! Must not write by itself what `save` writes for claims too.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use uuid::Uuid;

use super::row::microseconds;
use super::statement::{list, runs};
use super::{brand_stream, row, save};
use crate::job::JobId;
use crate::store::plan::{Found, Keyed, LockedJob, Queue, keys, may_take_room, plan};
use crate::store::{Committed, StoreError, StoreSettings, now};
use crate::write::{Refusal, Write};

pub(super) async fn commit(
    connection: &mut SqliteConnection,
    batch: Uuid,
    writes: &[Write],
    settings: StoreSettings,
) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let now = now();
    let locked = read(&mut transaction, writes, now).await?;
    let room = queue_room(&mut transaction, writes, &locked, settings.max_queued_jobs).await?;
    let keyed = keyed(&mut transaction, writes).await?;
    let queue = Queue { room, limit: settings.max_queued_jobs };
    // There are no brands here that could be missing.
    let mut plan = plan(batch, writes, Found { locked, keyed, unknown_brands: HashSet::new(), queue }, now);
    brand_stream::number(&mut transaction, &mut plan).await?;
    save::save(&mut transaction, &plan, Some(batch), settings.lease, now).await?;
    transaction.commit().await?;
    Ok(plan.outcomes)
}

/// The jobs of the batch. The immediate transaction is the only one that may write: all rows are locked.
async fn read(
    connection: &mut SqliteConnection,
    writes: &[Write],
    now: DateTime<Utc>,
) -> Result<HashMap<JobId, LockedJob>, StoreError> {
    let ids: BTreeSet<Uuid> = writes.iter().map(|write| write.job_id.0).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut locked = HashMap::with_capacity(ids.len());
    for run in runs(&ids) {
        let statement = format!("{SELECT} ({})", list("?", run.len()));
        let query = sqlx::query(AssertSqlSafe(statement)).bind(microseconds(now));
        let rows = run.iter().fold(query, |query, id| query.bind(*id)).fetch_all(&mut *connection).await?;
        for found in &rows {
            if let Some(job) = row::job(found)? {
                let lease_expired = found.try_get("lease_expired")?;
                locked.insert(job.id, LockedJob { job, lease_expired, last_batch: found.try_get("last_batch")? });
            }
        }
    }
    Ok(locked)
}

const SELECT: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", coalesce(lease_expires_at < ?, 0) AS lease_expired, last_batch FROM ai_jobs WHERE id IN"
);

/// The jobs that the brands of the batch have started before under the batch's keys.
async fn keyed(connection: &mut SqliteConnection, writes: &[Write]) -> Result<Keyed, StoreError> {
    let mut keyed = Keyed::default();
    for (brand_id, key) in keys(writes) {
        let found = sqlx::query(concat!(
            "SELECT ",
            job_columns!(),
            ", input_data FROM ai_jobs WHERE brand_id = ? AND idempotency_key = ?"
        ))
        .bind(brand_id.0)
        .bind(key)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(found) = found {
            keyed.insert((brand_id, key.to_owned()), row::stored_job(&found)?);
        }
    }
    Ok(keyed)
}

/// How many more jobs may wait. Counts no further than the limit.
async fn queue_room(
    connection: &mut SqliteConnection,
    writes: &[Write],
    locked: &HashMap<JobId, LockedJob>,
    limit: u64,
) -> Result<u64, StoreError> {
    if !may_take_room(writes, locked) {
        return Ok(0);
    }
    let limit_here = i64::try_from(limit).unwrap_or(i64::MAX);
    let waiting: i64 =
        sqlx::query_scalar("SELECT count(*) FROM (SELECT 1 FROM ai_jobs WHERE status = 'pending' LIMIT ?)")
            .bind(limit_here)
            .fetch_one(connection)
            .await?;
    Ok(u64::try_from(limit_here - waiting).unwrap_or(0))
}
