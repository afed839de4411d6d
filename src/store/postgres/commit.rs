//! Commits a batch of writes in one transaction.
//! Must not write by itself what `save` writes for claims too.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{Connection, PgConnection, Row};
use tokio::time::Instant;
use uuid::Uuid;

use super::detours::Detours;
use super::known::Known;
use super::room::Room;
use super::{brand_stream, brands, progress, row, save, starts};
use crate::job::{BrandId, JobId};
use crate::store::failure::is_racing_create;
use crate::store::plan::{Found, Keyed, LockedJob, Queue, keys, places, plan};
use crate::store::{Committed, StoreError, StoreSettings, now};
use crate::write::{Action, Refusal, Write};

/// What the store keeps in mind from one batch to the next.
#[derive(Clone, Copy)]
pub(super) struct Minds<'s> {
    pub known: &'s Known,
    pub room: &'s Room,
    pub detours: &'s Detours,
}

/// How often a batch is begun anew because of what the database refused at the last statement. Each time more is known:
/// brands that are missing, or jobs that another instance has created.
const TRIES: usize = 8;

pub(super) async fn commit(
    connection: &mut PgConnection,
    Minds { known, room, detours }: Minds<'_>,
    batch: Uuid,
    writes: &[Write],
    settings: StoreSettings,
) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
    let at_once = if writes.iter().all(progress::is_progress) {
        progress::commit(connection, known, detours, batch, writes, settings.lease).await?
    } else if writes.iter().all(starts::is_start) {
        starts::commit(connection, room, detours, batch, writes, settings.max_queued_jobs).await?
    } else {
        None
    };
    if let Some(outcomes) = at_once {
        return Ok(outcomes);
    }
    // What becomes of these jobs is not known before the commit has succeeded.
    drop(known.take(writes.iter().map(|write| write.job_id)));
    let mut unknown_brands = HashSet::new();
    let mut tries = 0;
    loop {
        tries += 1;
        match try_commit(connection, known, room, batch, writes, unknown_brands.clone(), settings).await? {
            Tried::Committed(outcomes) => return Ok(outcomes),
            // It has committed: the unique index waits for the other transaction. What it created is found now.
            Tried::Refused(error) if is_racing_create(&error) && tries < TRIES => {}
            Tried::Refused(error) if is_foreign_key(&error) && tries < TRIES => {
                let found = unknown_brands_of(connection, writes).await?;
                if found.is_subset(&unknown_brands) {
                    return Err(error.into());
                }
                unknown_brands.extend(found);
            }
            Tried::Refused(error) => return Err(error.into()),
        }
    }
}

/// How a try ended.
enum Tried {
    Committed(Vec<Result<Committed, Refusal>>),
    /// The database refused what the plan says; nothing of it is durable.
    Refused(sqlx::Error),
}

async fn try_commit(
    connection: &mut PgConnection,
    known: &Known,
    room: &Room,
    batch: Uuid,
    writes: &[Write],
    unknown_brands: HashSet<BrandId>,
    settings: StoreSettings,
) -> Result<Tried, StoreError> {
    let now = now();
    let mut transaction = connection.begin().await?;
    let locked = lock(&mut transaction, writes).await?;
    let room = queue_room(&mut transaction, room, writes, &locked, settings.max_queued_jobs).await?;
    let keyed = keyed(&mut transaction, writes).await?;
    let queue = Queue { room, limit: settings.max_queued_jobs };
    let mut plan = plan(batch, writes, Found { locked, keyed, unknown_brands, queue }, now);
    brand_stream::number(&mut transaction, &mut plan).await?;
    if let Err(error) = save::save(&mut transaction, &plan, Some(batch), settings.lease).await {
        if error.as_database_error().is_some() {
            transaction.rollback().await?;
        }
        return Ok(Tried::Refused(error));
    }
    transaction.commit().await?;
    known.remember(&mut plan, batch);
    Ok(Tried::Committed(plan.outcomes))
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
pub(super) async fn keyed(connection: &mut PgConnection, writes: &[Write]) -> Result<Keyed, StoreError> {
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
        let brand_and_key = (BrandId(found.try_get("brand_id")?), found.try_get("idempotency_key")?);
        keyed.insert(brand_and_key, row::stored_job(found)?);
    }
    Ok(keyed)
}

/// How many more jobs may wait, for all that this batch needs. Counts no further than the limit; what other instances
/// create within a fifth of a second is not seen, and may pass it.
pub(super) async fn queue_room(
    connection: &mut PgConnection,
    room: &Room,
    writes: &[Write],
    locked: &HashMap<JobId, LockedJob>,
    limit: u64,
) -> Result<u64, StoreError> {
    let places = places(writes, locked);
    if places == 0 {
        return Ok(0);
    }
    if let Some(places) = room.take(places) {
        return Ok(places);
    }
    let at = Instant::now();
    let limit_here = i64::try_from(limit).unwrap_or(i64::MAX);
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT 1 FROM ai_jobs WHERE status = 'pending' AND last_seq > 0 LIMIT $1) AS waiting",
    )
    .bind(limit_here)
    .fetch_one(connection)
    .await?;
    let counted = u64::try_from(limit_here - waiting).unwrap_or(0);
    room.set(at, counted, places);
    Ok(counted)
}

fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_foreign_key_violation())
}

/// The brands of the batch's starts that the origin application does not have, after its foreign key has refused one.
async fn unknown_brands_of(connection: &mut PgConnection, writes: &[Write]) -> Result<HashSet<BrandId>, StoreError> {
    let brands: HashSet<BrandId> = writes
        .iter()
        .filter_map(|write| match &write.action {
            Action::Create(new) => Some(new.brand_id),
            _ => None,
        })
        .collect();
    match writes {
        // Nothing needs to be asked, so that this works without the right to read the table of brands too.
        [Write { action: Action::Create(_), .. }] => Ok(brands),
        _ => Ok(brands::unknown(connection, brands).await?),
    }
}
