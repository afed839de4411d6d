//! Extends leases and finds those that have expired, by the database's clock.
//! Must not take a job from anybody; a write of the sweeper does.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::row;
use crate::job::{Attempt, JobId, JobType};
use crate::store::StoreError;

/// Locks in the order of ids, as commits do.
pub(super) async fn extend(
    connection: &mut PgConnection,
    held: &[(JobId, Attempt)],
    lease: Duration,
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| id.0).collect();
    let attempts: Vec<i64> = held.iter().map(|(_, attempt)| i64::from(*attempt)).collect();
    let rows = sqlx::query(
        "WITH held AS (
             SELECT j.id FROM ai_jobs AS j
             JOIN UNNEST($1::uuid[], $2::bigint[]) AS h (id, attempt) ON j.id = h.id AND j.attempt = h.attempt
             WHERE j.status = 'processing' ORDER BY j.id FOR UPDATE OF j
         )
         UPDATE ai_jobs AS j SET lease_expires_at = now() + make_interval(secs => $3), updated_at = now()
         FROM held WHERE j.id = held.id RETURNING j.id, j.attempt",
    )
    .bind(ids)
    .bind(attempts)
    .bind(lease.as_secs_f64())
    .fetch_all(connection)
    .await?;
    rows.iter().map(id_and_attempt).collect()
}

pub(super) async fn still_held(
    connection: &mut PgConnection,
    held: &[(JobId, Attempt)],
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| id.0).collect();
    let attempts: Vec<i64> = held.iter().map(|(_, attempt)| i64::from(*attempt)).collect();
    let rows = sqlx::query(
        "SELECT j.id, j.attempt FROM ai_jobs AS j
         JOIN UNNEST($1::uuid[], $2::bigint[]) AS h (id, attempt) ON j.id = h.id AND j.attempt = h.attempt
         WHERE j.status = 'processing'",
    )
    .bind(ids)
    .bind(attempts)
    .fetch_all(connection)
    .await?;
    rows.iter().map(id_and_attempt).collect()
}

pub(super) async fn expired(connection: &mut PgConnection, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, attempt FROM ai_jobs
         WHERE status = 'processing' AND lease_expires_at < now() AND job_type = ANY($1)
         ORDER BY lease_expires_at LIMIT $2",
    )
    .bind(JobType::ALL.map(JobType::as_str).to_vec())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(id_and_attempt).collect()
}

fn id_and_attempt(found: &PgRow) -> Result<(JobId, Attempt), StoreError> {
    Ok((JobId(found.try_get("id")?), row::count(found, "attempt")?))
}
