//! Commits progress and deltas in one round trip: worked out over the jobs as they are known here, written by one
//! statement that changes nothing if they are not so any more.
//! Must not settle what the known state refuses, nor repeat a batch: both are decided over locked rows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::detours::{Detours, Statement};
use super::known::{Known, KnownJob};
use super::{column, place_from_one, row};
use crate::event::{Event, Seq};
use crate::job::{BrandId, JobId};
use crate::store::plan::{ChangedJob, Found, Keyed, LockedJob, Plan, Queue, plan};
use crate::store::{Committed, StoreError, now};
use crate::write::{Action, Refusal, Report, Write};

/// Whether the write is progress or a delta, as nearly all of a busy system are.
pub(super) fn is_progress(write: &Write) -> bool {
    matches!(&write.action, Action::Attempt(_, Report::Progress(_) | Report::Delta(_)))
}

/// What became of each write; nothing if it has to be found out over locked rows, and then nothing is durable by this.
pub(super) async fn commit(
    connection: &mut PgConnection,
    known: &Known,
    detours: &Detours,
    batch: Uuid,
    writes: &[Write],
    lease: Duration,
) -> Result<Option<Vec<Result<Committed, Refusal>>>, StoreError> {
    let ids: BTreeSet<JobId> = writes.iter().map(|write| write.job_id).collect();
    let mut jobs = known.take(ids.iter().copied());
    if jobs.len() < ids.len() {
        let unknown = ids.iter().filter(|id| !jobs.contains_key(id)).map(|id| id.0).collect();
        jobs.extend(read(connection, unknown).await?);
    }
    // A job that the batch has changed already: the answer to the first try was lost.
    if jobs.len() < ids.len() || jobs.values().any(|known| known.last_batch == batch) {
        return Ok(None);
    }
    let (expected, now) = (expected(&jobs), now());
    let mut plan = plan(batch, writes, found(jobs), now);
    if plan.outcomes.iter().any(Result::is_err) {
        return Ok(None);
    }
    match append(connection, &plan, &expected, batch, now, lease).await {
        Ok(last_seqs) => plan.number(&last_seqs),
        // Changed by another instance, locked by one, or refused for another reason: the rows themselves will tell.
        Err(error) => return detours.after(Statement::Progress, error, writes.len()).map(|()| None),
    }
    known.remember(&mut plan, batch);
    Ok(Some(plan.outcomes))
}

/// The jobs as they are now, not locked. One that no batch has changed yet, or that this version cannot read, is left
/// out.
async fn read(connection: &mut PgConnection, ids: Vec<Uuid>) -> Result<HashMap<JobId, KnownJob>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", last_batch FROM ai_jobs JOIN UNNEST($1::uuid[]) AS wanted (wanted) ON id = wanted WHERE last_batch IS NOT NULL"
    ))
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for found in &rows {
        if let Some(job) = row::job(found)? {
            jobs.insert(job.id, KnownJob { job, last_batch: found.try_get("last_batch")? });
        }
    }
    Ok(jobs)
}

/// What says which state of a job the plan was made for.
struct Expected {
    last_batch: Uuid,
    last_seq: Seq,
}

fn expected(jobs: &HashMap<JobId, KnownJob>) -> HashMap<JobId, Expected> {
    let expected = |known: &KnownJob| Expected { last_batch: known.last_batch, last_seq: known.job.last_seq };
    jobs.iter().map(|(id, known)| (*id, expected(known))).collect()
}

/// Progress asks for nothing but the jobs. Whether a lease has run out is of no account to the attempt that holds it.
fn found(jobs: HashMap<JobId, KnownJob>) -> Found {
    let locked = |(id, known): (JobId, KnownJob)| {
        (id, LockedJob { job: known.job, lease_expired: false, last_batch: Some(known.last_batch) })
    };
    Found {
        locked: jobs.into_iter().map(locked).collect(),
        keyed: Keyed::default(),
        unknown_brands: HashSet::new(),
        queue: Queue { room: 0, limit: 0 },
    }
}

/// Appends the events and moves the jobs on, all or nothing; answers where the streams of the brands have come to.
async fn append(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    expected: &HashMap<JobId, Expected>,
    batch: Uuid,
    at: DateTime<Utc>,
    lease: Duration,
) -> Result<HashMap<BrandId, Seq>, sqlx::Error> {
    let mut jobs: Vec<(&ChangedJob<'_>, &Expected)> =
        plan.changed.values().filter_map(|changed| Some((changed, expected.get(&changed.job.id)?))).collect();
    jobs.sort_unstable_by_key(|(changed, _)| changed.job.id);
    let brands: Vec<(BrandId, i64)> = plan.events_of_brands().into_iter().collect();
    let events = place_events(plan, &jobs, &brands);
    let positions: Vec<i64> = sqlx::query_scalar(
        "SELECT jobcast_append_progress($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                                        $19, $20)",
    )
    .bind(batch)
    .bind(at)
    .bind(lease.as_secs_f64())
    .bind(column(&jobs, |(changed, _)| changed.job.id.0))
    .bind(column(&jobs, |(changed, _)| i64::from(changed.job.attempt)))
    .bind(column(&jobs, |(_, expected)| expected.last_batch))
    .bind(column(&jobs, |(_, expected)| expected.last_seq))
    .bind(column(&jobs, |(changed, _)| changed.job.last_seq))
    .bind(column(&jobs, |(changed, _)| i64::from(changed.job.progress)))
    .bind(column(&jobs, |(changed, _)| i64::from(changed.job.step)))
    .bind(column(&jobs, |(changed, _)| changed.job.current_step.as_str()))
    .bind(column(&jobs, |(changed, _)| changed.job.step_started_at))
    .bind(column(&brands, |(brand_id, _)| brand_id.0))
    .bind(column(&brands, |(_, events)| *events))
    .bind(column(&events, |placed| placed.job))
    .bind(column(&events, |placed| placed.brand))
    .bind(column(&events, |placed| placed.before))
    .bind(column(&events, |placed| placed.event.seq))
    .bind(column(&events, |placed| placed.event.name.as_str()))
    .bind(column(&events, |placed| placed.event.data.as_str()))
    .fetch_one(connection)
    .await?;
    Ok(brands.into_iter().map(|(brand_id, _)| brand_id).zip(positions).collect())
}

/// Where an event belongs: the places, from 1, of its job and brand, and how many events of the brand come after it.
struct Placed<'p> {
    event: &'p Event,
    job: i32,
    brand: i32,
    before: i64,
}

fn place_events<'p>(
    plan: &'p Plan<'_>,
    jobs: &[(&ChangedJob<'_>, &Expected)],
    brands: &[(BrandId, i64)],
) -> Vec<Placed<'p>> {
    let brand_places: HashMap<BrandId, usize> =
        brands.iter().enumerate().map(|(place, (brand_id, _))| (*brand_id, place)).collect();
    let job_places: HashMap<JobId, (usize, usize)> = jobs
        .iter()
        .enumerate()
        .filter_map(|(place, (changed, _))| Some((changed.job.id, (place, *brand_places.get(&changed.job.brand_id)?))))
        .collect();
    let mut left: Vec<i64> = brands.iter().map(|(_, events)| *events).collect();
    let place = |event: &'p Event| {
        let (job, brand) = *job_places.get(&event.job_id)?;
        left[brand] -= 1;
        Some(Placed { event, job: place_from_one(job), brand: place_from_one(brand), before: left[brand] })
    };
    let mut placed: Vec<Placed<'_>> = plan.events.iter().filter_map(place).collect();
    // In the order of the jobs' ids: neighbours in the index are inserted one after another.
    placed.sort_by_key(|placed| placed.job);
    placed
}
