//! Reads jobs, events, results and step outputs.
//! Must not lock or change anything.

use serde_json::Value;
use sqlx::postgres::Postgres;
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder, Row};
use uuid::Uuid;

use super::{row, webhooks};
use crate::event::{Event, Seq, Subject};
use crate::job::{JobId, JobType};
use crate::store::{JobFilter, Position, Queue, StepDuration, StoreError, StoredJob};

pub(super) async fn job(connection: &mut PgConnection, id: JobId) -> Result<Option<StoredJob>, StoreError> {
    let found = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(input_data, '{}') AS input_data FROM ai_jobs WHERE id = $1"
    ))
    .bind(id.0)
    .fetch_optional(&mut *connection)
    .await?;
    let mut jobs: Vec<StoredJob> =
        found.iter().filter_map(|found| row::stored_job(found).transpose()).collect::<Result<_, _>>()?;
    webhooks::add_states(connection, &mut jobs).await?;
    Ok(jobs.pop())
}

/// A job that is not completed has the origin application's `{}` in this column.
pub(super) async fn result_data(connection: &mut PgConnection, id: JobId) -> Result<Option<Value>, StoreError> {
    let found: Option<Option<Json<Value>>> =
        sqlx::query_scalar("SELECT result_data FROM ai_jobs WHERE id = $1 AND status = 'completed'")
            .bind(id.0)
            .fetch_optional(connection)
            .await?;
    Ok(found.flatten().map(|Json(result)| result))
}

pub(super) async fn jobs(
    connection: &mut PgConnection,
    filter: &JobFilter,
    after: Option<Position>,
    limit: u32,
) -> Result<Vec<StoredJob>, StoreError> {
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(input_data, '{}') AS input_data FROM ai_jobs WHERE job_type = ANY("
    ));
    query.push_bind(filter.job_type_names());
    query.push(") AND status = ANY(");
    query.push_bind(filter.status_names());
    query.push(") AND created_at IS NOT NULL");
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id.0);
    }
    match filter.brand_ids().as_deref() {
        None => {}
        // One brand is read in the order of its index, which several are not.
        Some([brand_id]) => {
            query.push(" AND brand_id = ").push_bind(*brand_id);
        }
        Some(brand_ids) => {
            query.push(" AND brand_id = ANY(").push_bind(brand_ids.to_vec()).push(")");
        }
    }
    if let Some(Position { created_at, id }) = after {
        query.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(id.0).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(&mut *connection).await?;
    let mut jobs: Vec<StoredJob> =
        rows.iter().filter_map(|found| row::stored_job(found).transpose()).collect::<Result<_, _>>()?;
    webhooks::add_states(connection, &mut jobs).await?;
    Ok(jobs)
}

pub(super) async fn events_after(
    connection: &mut PgConnection,
    subject: Subject,
    cursor: Seq,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let (query, id) = match subject {
        Subject::Job(id) => (EVENTS_OF_JOB, id.0),
        Subject::Brand(id) => (EVENTS_OF_BRAND, id.0),
    };
    let rows = sqlx::query(query).bind(id).bind(cursor).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(row::event).collect()
}

const EVENTS_OF_JOB: &str = "SELECT job_id, seq, coalesce(brand_seq, 0) AS brand_seq, name, at, data FROM job_events
                             WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const EVENTS_OF_BRAND: &str = "SELECT job_id, seq, brand_seq, name, at, data FROM job_events
                               WHERE brand_id = $1 AND brand_seq > $2 ORDER BY brand_seq LIMIT $3";

/// One statement for all jobs and one for all brands.
pub(super) async fn news(
    connection: &mut PgConnection,
    after: &[(Subject, Seq)],
    limit: u32,
) -> Result<Vec<(Subject, Vec<Event>)>, StoreError> {
    let is_job = |subject: &Subject| matches!(subject, Subject::Job(_));
    let mut news = Vec::new();
    for (jobs, query) in [(true, NEWS_OF_JOBS), (false, NEWS_OF_BRANDS)] {
        let wanted: Vec<(Subject, Seq)> =
            after.iter().copied().filter(|(subject, _)| is_job(subject) == jobs).collect();
        if wanted.is_empty() {
            continue;
        }
        let ids: Vec<Uuid> = wanted
            .iter()
            .map(|(subject, _)| match subject {
                Subject::Job(id) => id.0,
                Subject::Brand(id) => id.0,
            })
            .collect();
        let cursors: Vec<Seq> = wanted.iter().map(|(_, cursor)| *cursor).collect();
        let rows =
            sqlx::query(query).bind(ids).bind(cursors).bind(i64::from(limit)).fetch_all(&mut *connection).await?;
        let mut events: Vec<Vec<Event>> = vec![Vec::new(); wanted.len()];
        for found in &rows {
            let place: i64 = found.try_get("place")?;
            if let Some(events) = usize::try_from(place - 1).ok().and_then(|place| events.get_mut(place)) {
                events.push(row::event(found)?);
            }
        }
        let subjects = wanted.into_iter().map(|(subject, _)| subject);
        news.extend(subjects.zip(events).filter(|(_, events)| !events.is_empty()));
    }
    Ok(news)
}

const NEWS_OF_JOBS: &str = "
    SELECT w.place, e.* FROM UNNEST($1::uuid[], $2::bigint[]) WITH ORDINALITY AS w (id, cursor, place)
    CROSS JOIN LATERAL (
        SELECT job_id, seq, coalesce(brand_seq, 0) AS brand_seq, name, at, data FROM job_events
        WHERE job_id = w.id AND seq > w.cursor ORDER BY seq LIMIT $3
    ) AS e ORDER BY w.place, e.seq";
const NEWS_OF_BRANDS: &str = "
    SELECT w.place, e.* FROM UNNEST($1::uuid[], $2::bigint[]) WITH ORDINALITY AS w (id, cursor, place)
    CROSS JOIN LATERAL (
        SELECT job_id, seq, brand_seq, name, at, data FROM job_events
        WHERE brand_id = w.id AND brand_seq > w.cursor ORDER BY brand_seq LIMIT $3
    ) AS e ORDER BY w.place, e.brand_seq";

pub(super) async fn step_output(
    connection: &mut PgConnection,
    id: JobId,
    name: &str,
) -> Result<Option<Value>, StoreError> {
    let found: Option<Json<Value>> = sqlx::query_scalar("SELECT output FROM job_steps WHERE job_id = $1 AND name = $2")
        .bind(id.0)
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(found.map(|Json(output)| output))
}

pub(super) async fn recent_steps(
    connection: &mut PgConnection,
    job_type: JobType,
    limit: u32,
) -> Result<Vec<StepDuration>, StoreError> {
    let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
        "SELECT s.job_id, s.name, s.took_ms
         FROM (SELECT id FROM ai_jobs WHERE status = 'completed' AND job_type = $1 AND last_seq > 0
               ORDER BY completed_at DESC LIMIT $2) AS j
         JOIN job_steps AS s ON s.job_id = j.id WHERE s.took_ms >= 0",
    )
    .bind(job_type.as_str())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(job_id, name, took_ms)| StepDuration::new(job_id, name, took_ms)).collect())
}

/// What the origin application has queued or runs itself is not counted.
pub(super) async fn queue(connection: &mut PgConnection) -> Result<Queue, StoreError> {
    let (pending, processing, waiting): (i64, i64, f64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM ai_jobs WHERE status = 'pending' AND last_seq > 0),
                (SELECT count(*) FROM ai_jobs WHERE status = 'processing' AND lease_expires_at IS NOT NULL),
                coalesce((SELECT extract(epoch FROM now() - min(run_at)) FROM ai_jobs
                          WHERE status = 'pending' AND last_seq > 0), 0)::float8",
    )
    .fetch_one(connection)
    .await?;
    Ok(Queue::new(pending, processing, waiting))
}

pub(super) async fn ping(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT 1").execute(connection).await?;
    Ok(())
}
