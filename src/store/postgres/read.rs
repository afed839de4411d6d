//! Reads jobs, events, results and step outputs.
//! Must not lock or change anything.

use serde_json::Value;
use sqlx::postgres::Postgres;
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::row;
use crate::event::{Event, Seq};
use crate::job::{JobId, JobType};
use crate::store::{JobFilter, Position, StepDuration, StoreError, StoredJob};

pub(super) async fn job(connection: &mut PgConnection, id: JobId) -> Result<Option<StoredJob>, StoreError> {
    let found = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(input_data, '{}') AS input_data FROM ai_jobs WHERE id = $1"
    ))
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    found.map_or(Ok(None), |found| row::stored_job(&found))
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
    if let Some(brand_id) = filter.brand_id {
        query.push(" AND brand_id = ").push_bind(brand_id.0);
    }
    if let Some(Position { created_at, id }) = after {
        query.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(id.0).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().filter_map(|found| row::stored_job(found).transpose()).collect()
}

pub(super) async fn events_after(
    connection: &mut PgConnection,
    id: JobId,
    cursor: Seq,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let rows =
        sqlx::query("SELECT seq, name, at, data FROM job_events WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
            .bind(id.0)
            .bind(cursor)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await?;
    rows.iter().map(|found| row::event(id, found)).collect()
}

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

pub(super) async fn ping(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT 1").execute(connection).await?;
    Ok(())
}
