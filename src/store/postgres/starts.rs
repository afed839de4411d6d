//! Commits starts in one round trip: worked out as if none of the jobs were there, written by one statement that changes
//! nothing if one of them is, or if the database refuses one for another reason.
//! Must not settle what was refused, nor repeat a batch: both are decided over locked rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::commit::{keyed, queue_room};
use super::detours::{Detours, Statement};
use super::room::Room;
use super::{column, place_from_one};
use crate::event::{Event, Seq};
use crate::job::{BrandId, Job, JobId, NewJob};
use crate::store::plan::{ChangedJob, Found, Plan, Queue, plan};
use crate::store::{Committed, StoreError, now};
use crate::write::{Action, Refusal, Write};

/// Whether the write starts a job.
pub(super) fn is_start(write: &Write) -> bool {
    matches!(write.action, Action::Create(_))
}

/// What became of each write; nothing if it has to be found out over locked rows, and then nothing is durable by this.
pub(super) async fn commit(
    connection: &mut PgConnection,
    room: &Room,
    detours: &Detours,
    batch: Uuid,
    writes: &[Write],
    max_queued_jobs: u64,
) -> Result<Option<Vec<Result<Committed, Refusal>>>, StoreError> {
    let now = now();
    let locked = HashMap::new();
    let room = queue_room(connection, room, writes, &locked, max_queued_jobs).await?;
    let keyed = keyed(connection, writes).await?;
    let queue = Queue { room, limit: max_queued_jobs };
    let mut plan = plan(batch, writes, Found { locked, keyed, unknown_brands: Default::default(), queue }, now);
    // Whether this is a batch that is durable already is not known here; it must not be refused then.
    if plan.outcomes.iter().any(Result::is_err) {
        return Ok(None);
    }
    if plan.created.is_empty() {
        return Ok(Some(plan.outcomes));
    }
    let Some(started) = Started::of(&plan) else { return Ok(None) };
    match insert(connection, &started, batch, now).await {
        Ok(last_seqs) => plan.number(&last_seqs),
        Err(error) => return detours.after(Statement::Starts, error, writes.len()).map(|()| None),
    }
    Ok(Some(plan.outcomes))
}

/// The jobs to insert and their brands, each in the order in which all batches lock them.
struct Started<'p> {
    brands: Vec<(BrandId, i64)>,
    jobs: Vec<StartedJob<'p>>,
}

/// A job with its one event: the place of its brand, from 1, and how many events of the brand come after its own.
struct StartedJob<'p> {
    job: &'p Job,
    new: &'p NewJob,
    event: &'p Event,
    brand: i32,
    before: i64,
}

impl<'p> Started<'p> {
    /// Nothing if a job has no event or more than one, which the statement does not provide for.
    fn of(plan: &'p Plan<'_>) -> Option<Started<'p>> {
        let brands: Vec<(BrandId, i64)> = plan.events_of_brands().into_iter().collect();
        let places: HashMap<BrandId, usize> =
            brands.iter().zip(0..).map(|((brand, _), place)| (*brand, place)).collect();
        let mut left: Vec<i64> = brands.iter().map(|(_, events)| *events).collect();
        let mut events: HashMap<JobId, (&Event, usize, i64)> = HashMap::with_capacity(plan.events.len());
        for event in &plan.events {
            let place = *places.get(&plan.brand_of(event)?)?;
            left[place] -= 1;
            events.insert(event.job_id, (event, place, left[place]));
        }
        if events.len() != plan.events.len() {
            return None;
        }
        let place = |(changed, new): (&'p ChangedJob<'_>, &'p NewJob)| {
            let job = &changed.job;
            let (event, place, before) = *events.get(&job.id)?;
            let is_last = event.seq == job.last_seq;
            is_last.then(|| StartedJob { job, new, event, brand: place_from_one(place), before })
        };
        let jobs: Vec<StartedJob<'p>> = plan.to_create().into_iter().map(place).collect::<Option<_>>()?;
        (jobs.len() == events.len()).then_some(Started { brands, jobs })
    }
}

/// Inserts the jobs with their events, all or nothing; answers where the streams of the brands have come to.
async fn insert(
    connection: &mut PgConnection,
    Started { brands, jobs }: &Started<'_>,
    batch: Uuid,
    at: DateTime<Utc>,
) -> Result<HashMap<BrandId, Seq>, sqlx::Error> {
    let positions: Vec<i64> = sqlx::query_scalar(
        "SELECT jobcast_start_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(batch)
    .bind(at)
    .bind(column(brands, |(brand_id, _)| brand_id.0))
    .bind(column(brands, |(_, events)| *events))
    .bind(column(jobs, |started| started.job.id.0))
    .bind(column(jobs, |started| started.brand))
    .bind(column(jobs, |started| started.before))
    .bind(column(jobs, |started| started.job.last_seq))
    .bind(column(jobs, |started| started.job.job_type.as_str()))
    .bind(column(jobs, |started| started.job.status.as_str()))
    .bind(column(jobs, |started| started.job.current_step.as_str()))
    .bind(column(jobs, |started| Json(&started.new.input_data)))
    .bind(column(jobs, |started| i64::from(started.job.total_steps)))
    .bind(column(jobs, |started| i64::from(started.job.max_retries)))
    .bind(column(jobs, |started| i64::from(started.job.estimated_duration)))
    .bind(column(jobs, |started| started.new.idempotency_key.as_deref()))
    .bind(column(jobs, |started| started.new.webhook_url.as_deref()))
    .bind(column(jobs, |started| started.event.name.as_str()))
    .bind(column(jobs, |started| started.event.data.as_str()))
    .fetch_one(connection)
    .await?;
    Ok(brands.iter().map(|(brand_id, _)| *brand_id).zip(positions).collect())
}
