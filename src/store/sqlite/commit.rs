//! Commits a batch of writes in one transaction.
//! Must not write by itself what `save` writes for claims too.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use uuid::Uuid;

use super::known::{Known, KnownJob};
use super::recent::{RecentEvents, Written, catch_up};
use super::row::{microseconds, microseconds_after};
use super::statement::{list, runs};
use super::writer::Session;
use super::{brand_stream, recent_table, row, save};
use crate::job::{Job, JobId, JobStatus};
use crate::store::plan::{Found, Keyed, LockedJob, Plan, Queue, keys, may_take_room, plan};
use crate::store::{Committed, StoreError, StoreSettings, StoredJob, now};
use crate::write::{Refusal, Write};

pub(super) async fn commit(
    session: &mut Session,
    recent: &RecentEvents,
    batch: Uuid,
    writes: &[Write],
    settings: StoreSettings,
) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
    session.make_room(recent, writes.len()).await?;
    let Session { connection, known } = session;
    known.begin(connection, recent).await?;
    let now = now();
    let locked = read(connection, known, recent, writes, now).await?;
    let waited: HashSet<JobId> =
        locked.values().filter(|found| is_pending(&found.job)).map(|found| found.job.id).collect();
    let room = queue_room(connection, known, writes, &locked, settings.max_queued_jobs).await?;
    let keyed = keyed(connection, recent, writes).await?;
    let queue = Queue { room, limit: settings.max_queued_jobs };
    // There are no brands here that could be missing.
    let mut plan = plan(batch, writes, Found { locked, keyed, unknown_brands: HashSet::new(), queue }, now);
    brand_stream::number(connection, known, recent, &mut plan).await?;
    save::save(connection, known, &plan, Some(batch), settings.lease, now).await?;
    let written = Written { batch: Some(batch), lease_expires_at: microseconds_after(now, settings.lease) };
    recent_table::insert_and_commit(connection, &plan, written, now).await?;
    known.pending = known.pending.map(|pending| pending_after(pending, &waited, &plan));
    Ok(remember(known, recent, plan, written))
}

fn is_pending(job: &Job) -> bool {
    job.status == JobStatus::Pending
}

/// How many jobs wait once the plan is durable; `waited` are those of the batch that did before.
fn pending_after(pending: u64, waited: &HashSet<JobId>, plan: &Plan<'_>) -> u64 {
    let wait = plan.changed.values().filter(|changed| is_pending(&changed.job)).count() as u64;
    let waited = plan.changed.keys().filter(|id| waited.contains(id)).count() as u64;
    (pending + wait).saturating_sub(waited)
}

/// Keeps what is durable now for those who read and for the next batch.
fn remember(
    known: &mut Known,
    recent: &RecentEvents,
    mut plan: Plan<'_>,
    written: Written,
) -> Vec<Result<Committed, Refusal>> {
    recent.add(plan.take_events(), written);
    for (id, changed) in plan.changed {
        let lease_expires_at = known.lease(id, changed.lease, written.lease_expires_at);
        known.remember(KnownJob { job: changed.job, lease_expires_at, last_batch: written.batch });
    }
    known.forget_some();
    plan.outcomes
}

/// The jobs of the batch. The immediate transaction is the only one that may write: all rows are locked.
async fn read(
    connection: &mut SqliteConnection,
    known: &mut Known,
    recent: &RecentEvents,
    writes: &[Write],
    now: DateTime<Utc>,
) -> Result<HashMap<JobId, LockedJob>, StoreError> {
    let ids: HashSet<JobId> = writes.iter().map(|write| write.job_id).collect();
    let unknown: Vec<JobId> = ids.iter().copied().filter(|id| !known.jobs.contains_key(id)).collect();
    let mut locked: HashMap<JobId, LockedJob> =
        ids.iter().filter_map(|id| Some((*id, lock(known.jobs.get(id)?, now)))).collect();
    for run in runs(&unknown) {
        let query = sqlx::query(AssertSqlSafe(format!("{SELECT} ({})", list("?", run.len()))));
        for found in run.iter().fold(query, |query, id| query.bind(id.0)).fetch_all(&mut *connection).await? {
            if let Some(read) = read_job(&found, recent)? {
                locked.insert(read.job.id, lock(&read, now));
                known.remember(read);
            }
        }
    }
    Ok(locked)
}

const SELECT: &str =
    concat!("SELECT ", job_columns!(), ", lease_expires_at, updated_at, last_batch FROM ai_jobs WHERE id IN");

/// The job of a row, brought up to its latest event.
fn read_job(found: &SqliteRow, recent: &RecentEvents) -> Result<Option<KnownJob>, StoreError> {
    let Some(job) = row::job(found)? else { return Ok(None) };
    let (lease_expires_at, last_batch) = (found.try_get("lease_expires_at")?, found.try_get("last_batch")?);
    let mut known = KnownJob { job, lease_expires_at, last_batch };
    if let Some(latest) = recent.read().latest(known.job.id)
        && latest.is_ahead_of(known.job.last_seq)
    {
        catch_up(&mut known.job, &latest)?;
        known.lease_expires_at = latest.lease(lease_expires_at, found.try_get("updated_at")?);
        known.last_batch = latest.written.batch.or(last_batch);
    }
    Ok(Some(known))
}

fn lock(known: &KnownJob, now: DateTime<Utc>) -> LockedJob {
    let lease_expired = known.lease_expires_at.is_some_and(|expires_at| expires_at < microseconds(now));
    LockedJob { job: known.job.clone(), lease_expired, last_batch: known.last_batch }
}

/// The jobs that the brands of the batch have started before under the batch's keys.
async fn keyed(
    connection: &mut SqliteConnection,
    recent: &RecentEvents,
    writes: &[Write],
) -> Result<Keyed, StoreError> {
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
            let mut stored = row::stored_job(&found)?;
            if let Some(StoredJob { job, .. }) = &mut stored
                && let Some(latest) = recent.read().latest(job.id)
            {
                catch_up(job, &latest)?;
            }
            keyed.insert((brand_id, key.to_owned()), stored);
        }
    }
    Ok(keyed)
}

/// How many more jobs may wait. They are counted once; from then on this connection knows what it changes, and whether
/// somebody else has written.
async fn queue_room(
    connection: &mut SqliteConnection,
    known: &mut Known,
    writes: &[Write],
    locked: &HashMap<JobId, LockedJob>,
    limit: u64,
) -> Result<u64, StoreError> {
    if !may_take_room(writes, locked) {
        return Ok(0);
    }
    let pending = match known.pending {
        Some(pending) => pending,
        None => {
            let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM ai_jobs WHERE status = 'pending'")
                .fetch_one(connection)
                .await?;
            *known.pending.insert(u64::try_from(counted).unwrap_or(0))
        }
    };
    Ok(limit.saturating_sub(pending))
}
