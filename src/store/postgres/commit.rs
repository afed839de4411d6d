//! Commits a batch of writes in one transaction.
//! Must not write by itself what `save` writes for claims too.

use std::collections::{BTreeSet, HashMap};

use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::{row, save};
use crate::job::JobId;
use crate::store::plan::{Keyed, LockedJob, Queue, keys, plan, takes_room};
use crate::store::{Committed, StoreError, StoreSettings, now};
use crate::write::{Action, Refusal, Write};

pub(super) async fn commit(
    connection: &mut PgConnection,
    batch: Uuid,
    writes: &[Write],
    settings: StoreSettings,
) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
    let now = now();
    let mut transaction = connection.begin().await?;
    let locked = lock(&mut transaction, writes).await?;
    let room = queue_room(&mut transaction, writes, &locked, settings.max_queued_jobs).await?;
    let keyed = keyed(&mut transaction, writes).await?;
    let queue = Queue { room, limit: settings.max_queued_jobs };
    let plan = plan(batch, writes, locked, keyed, queue, now);
    match save::save(&mut transaction, &plan, Some(batch), settings.lease).await {
        Err(error) if is_unknown_brand(&error, writes) => return Ok(vec![Err(Refusal::UnknownBrand)]),
        saved => saved?,
    }
    transaction.commit().await?;
    Ok(plan.outcomes)
}

/// Locks the jobs of the batch in the order of their ids, so that two batches cannot wait for each other in a circle.
async fn lock(connection: &mut PgConnection, writes: &[Write]) -> Result<HashMap<JobId, LockedJob>, StoreError> {
    let ids: BTreeSet<Uuid> = writes.iter().map(|write| write.job_id.0).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(lease_expires_at < now(), false) AS lease_expired, last_batch
         FROM ai_jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE"
    ))
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let mut locked = HashMap::with_capacity(rows.len());
    for found in &rows {
        if let Some(job) = row::job(found)? {
            let lease_expired = found.try_get("lease_expired")?;
            locked.insert(job.id, LockedJob { job, lease_expired, last_batch: found.try_get("last_batch")? });
        }
    }
    Ok(locked)
}

/// The jobs that the brands of the batch have started before under the batch's keys.
async fn keyed(connection: &mut PgConnection, writes: &[Write]) -> Result<Keyed, StoreError> {
    let (brands, names): (Vec<Uuid>, Vec<&str>) = keys(writes).map(|(brand, key)| (brand.0, key)).unzip();
    if names.is_empty() {
        return Ok(Keyed::default());
    }
    let rows = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(input_data, '{}') AS input_data, idempotency_key FROM ai_jobs
         WHERE (brand_id, idempotency_key) IN (SELECT * FROM UNNEST($1::uuid[], $2::text[]))"
    ))
    .bind(brands)
    .bind(names)
    .fetch_all(connection)
    .await?;
    let mut keyed = Keyed::default();
    for found in &rows {
        if let Some(stored) = row::stored_job(found)? {
            keyed.insert((stored.job.brand_id, found.try_get("idempotency_key")?), stored);
        }
    }
    Ok(keyed)
}

/// How many more jobs may wait. Counts no further than the limit; instances that create at the same moment do not see
/// each other's jobs and may pass it by a batch.
async fn queue_room(
    connection: &mut PgConnection,
    writes: &[Write],
    locked: &HashMap<JobId, LockedJob>,
    limit: u64,
) -> Result<u64, StoreError> {
    if !writes.iter().any(|write| takes_room(write, locked)) {
        return Ok(0);
    }
    let limit_here = i64::try_from(limit).unwrap_or(i64::MAX);
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM ai_jobs WHERE status = 'pending' AND last_seq > 0 LIMIT $1) AS waiting",
    )
    .bind(limit_here)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(limit_here - waiting).unwrap_or(0))
}

/// Whether the batch is a single create that the origin application's foreign key to its brands refused.
fn is_unknown_brand(error: &sqlx::Error, writes: &[Write]) -> bool {
    let refused = error.as_database_error().is_some_and(|error| error.is_foreign_key_violation());
    refused && matches!(writes, [Write { action: Action::Create(_), .. }])
}
