//! Extends leases and finds those that have expired.
//! Must not take a job from anybody; a write of the sweeper does.

use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::row::{self, microseconds, microseconds_after};
use super::statement::{over_rows, runs};
use crate::job::{Attempt, JobId, JobType};
use crate::store::{StoreError, now};

pub(super) async fn extend(
    connection: &mut SqliteConnection,
    held: &[(JobId, Attempt)],
    lease: Duration,
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let now = now();
    let mut extended = Vec::with_capacity(held.len());
    for run in runs(held) {
        let mut query = over_rows(
            "WITH h (id, attempt) AS (VALUES",
            run.len(),
            2,
            ") UPDATE ai_jobs SET lease_expires_at = ?, updated_at = ? FROM h
             WHERE ai_jobs.id = h.id AND ai_jobs.attempt = h.attempt AND ai_jobs.status = 'processing'
             RETURNING ai_jobs.id, ai_jobs.attempt",
        );
        for (id, attempt) in run {
            query = query.bind(id.0).bind(*attempt);
        }
        let query = query.bind(microseconds_after(now, lease)).bind(microseconds(now));
        for found in query.fetch_all(&mut *connection).await? {
            extended.push(id_and_attempt(&found)?);
        }
    }
    Ok(extended)
}

pub(super) async fn still_held(
    readers: &SqlitePool,
    held: &[(JobId, Attempt)],
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let mut found = Vec::with_capacity(held.len());
    for run in runs(held) {
        let mut query = over_rows(
            "WITH h (id, attempt) AS (VALUES",
            run.len(),
            2,
            ") SELECT j.id, j.attempt FROM ai_jobs AS j JOIN h ON j.id = h.id AND j.attempt = h.attempt
             WHERE j.status = 'processing'",
        );
        for (id, attempt) in run {
            query = query.bind(id.0).bind(*attempt);
        }
        for row in query.fetch_all(readers).await? {
            found.push(id_and_attempt(&row)?);
        }
    }
    Ok(found)
}

pub(super) async fn expired(readers: &SqlitePool, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new("SELECT id, attempt FROM ai_jobs WHERE status = 'processing' AND lease_expires_at < ");
    query.push_bind(microseconds(now())).push(" AND job_type IN (");
    let mut list = query.separated(", ");
    for job_type in JobType::ALL {
        list.push_bind(job_type.as_str());
    }
    query.push(") ORDER BY lease_expires_at LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(readers).await?;
    rows.iter().map(id_and_attempt).collect()
}

fn id_and_attempt(found: &SqliteRow) -> Result<(JobId, Attempt), StoreError> {
    Ok((JobId(found.try_get("id")?), row::count(found, "attempt")?))
}
