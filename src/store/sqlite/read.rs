//! Reads jobs, events, results and step outputs.
//! Must not change anything.

use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::types::Json;
use uuid::Uuid;

use super::recent::{After, Recent, RecentEvents, catch_up};
use super::row::{self, microseconds};
use super::webhooks;
use crate::event::{Event, Seq, Subject};
use crate::job::{JobId, JobType};
use crate::store::{JobFilter, Position, Queue, StepDuration, StoreError, StoredJob, now};

pub(super) async fn job(
    readers: &SqlitePool,
    recent: &RecentEvents,
    id: JobId,
) -> Result<Option<StoredJob>, StoreError> {
    let latest = recent.ask(readers, |recent| recent.latest(id)).await?;
    let found = sqlx::query(concat!("SELECT ", job_columns!(), ", input_data FROM ai_jobs WHERE id = ?"))
        .bind(id.0)
        .fetch_optional(readers)
        .await?;
    let mut jobs: Vec<StoredJob> =
        found.iter().filter_map(|found| row::stored_job(found).transpose()).collect::<Result<_, _>>()?;
    for (stored, latest) in jobs.iter_mut().zip(&latest) {
        catch_up(&mut stored.job, latest)?;
    }
    webhooks::add_states(readers, &mut jobs).await?;
    Ok(jobs.pop())
}

/// A job that is not completed has the origin application's `{}` in this column.
pub(super) async fn result_data(readers: &SqlitePool, id: JobId) -> Result<Option<Value>, StoreError> {
    let found: Option<Option<Json<Value>>> =
        sqlx::query_scalar("SELECT result_data FROM ai_jobs WHERE id = ? AND status = 'completed'")
            .bind(id.0)
            .fetch_optional(readers)
            .await?;
    Ok(found.flatten().map(|Json(result)| result))
}

pub(super) async fn jobs(
    readers: &SqlitePool,
    recent: &RecentEvents,
    filter: &JobFilter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<StoredJob>, StoreError> {
    let latest = recent.ask(readers, Recent::all_latest).await?;
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new(concat!("SELECT ", job_columns!(), ", input_data FROM ai_jobs WHERE +job_type IN ("));
    push_list(&mut query, filter.job_type_names());
    query.push(") AND +status IN (");
    push_list(&mut query, filter.status_names());
    query.push(")");
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id.0);
    }
    if let Some(brand_ids) = filter.brand_ids() {
        query.push(" AND brand_id IN (");
        push_list(&mut query, brand_ids);
        query.push(")");
    }
    if let Some(Position { created_at, id }) = after {
        query
            .push(" AND (created_at, id) < (")
            .push_bind(microseconds(created_at))
            .push(", ")
            .push_bind(id.0)
            .push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(readers).await?;
    let mut jobs: Vec<StoredJob> =
        rows.iter().filter_map(|found| row::stored_job(found).transpose()).collect::<Result<_, _>>()?;
    for StoredJob { job, .. } in &mut jobs {
        if let Some(latest) = latest.get(&job.id) {
            catch_up(job, latest)?;
        }
    }
    webhooks::add_states(readers, &mut jobs).await?;
    Ok(jobs)
}

fn push_list<T>(query: &mut QueryBuilder<Sqlite>, values: Vec<T>)
where
    T: for<'a> sqlx::Encode<'a, Sqlite> + sqlx::Type<Sqlite> + 'static,
{
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
}

pub(super) async fn events_after(
    readers: &SqlitePool,
    recent: &RecentEvents,
    subject: Subject,
    cursor: Seq,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let After { events: recent, whole } = recent.ask(readers, |recent| recent.after(subject, cursor, limit)).await?;
    let mut events = if whole { Vec::new() } else { sorted_in_after(readers, subject, cursor, limit).await? };
    // What was sorted in between the two looks is in both.
    let last = events.last().map_or(cursor, |event| event.position(subject));
    let room = (limit as usize).saturating_sub(events.len());
    let later = recent.iter().filter(|event| event.position(subject) > last).take(room);
    events.extend(later.map(|event| Event::clone(event)));
    Ok(events)
}

async fn sorted_in_after(
    readers: &SqlitePool,
    subject: Subject,
    cursor: Seq,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let (query, id) = match subject {
        Subject::Job(id) => (EVENTS_OF_JOB, id.0),
        Subject::Brand(id) => (EVENTS_OF_BRAND, id.0),
    };
    let rows = sqlx::query(query).bind(id).bind(cursor).bind(limit).fetch_all(readers).await?;
    rows.iter().map(row::event).collect()
}

const EVENTS_OF_JOB: &str = "SELECT job_id, seq, coalesce(brand_seq, 0) AS brand_seq, name, at, data FROM job_events
                             WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?";
const EVENTS_OF_BRAND: &str = "SELECT job_id, seq, brand_seq, name, at, data FROM job_events
                               WHERE brand_id = ? AND brand_seq > ? ORDER BY brand_seq LIMIT ?";

pub(super) async fn step_output(readers: &SqlitePool, id: JobId, name: &str) -> Result<Option<Value>, StoreError> {
    let found: Option<Json<Value>> = sqlx::query_scalar("SELECT output FROM job_steps WHERE job_id = ? AND name = ?")
        .bind(id.0)
        .bind(name)
        .fetch_optional(readers)
        .await?;
    Ok(found.map(|Json(output)| output))
}

pub(super) async fn recent_steps(
    readers: &SqlitePool,
    job_type: JobType,
    limit: u32,
) -> Result<Vec<StepDuration>, StoreError> {
    let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
        "SELECT s.job_id, s.name, s.took_ms
         FROM (SELECT id FROM ai_jobs WHERE status = 'completed' AND job_type = ?
               ORDER BY completed_at DESC LIMIT ?) AS j
         JOIN job_steps AS s ON s.job_id = j.id WHERE s.took_ms >= 0",
    )
    .bind(job_type.as_str())
    .bind(limit)
    .fetch_all(readers)
    .await?;
    Ok(rows.into_iter().map(|(job_id, name, took_ms)| StepDuration::new(job_id, name, took_ms)).collect())
}

pub(super) async fn queue(readers: &SqlitePool) -> Result<Queue, StoreError> {
    let (pending, processing, since): (i64, i64, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM ai_jobs WHERE status = 'pending'),
                (SELECT count(*) FROM ai_jobs WHERE status = 'processing'),
                (SELECT min(run_at) FROM ai_jobs WHERE status = 'pending')",
    )
    .fetch_one(readers)
    .await?;
    let waiting = since.map_or(0, |since| microseconds(now()) - since);
    Ok(Queue::new(pending, processing, waiting as f64 / 1e6))
}

pub(super) async fn ping(readers: &SqlitePool) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM ai_jobs LIMIT 1").execute(readers).await?;
    Ok(())
}
