//! Extends leases and finds those that have expired.
//! Must not take a job from anybody; a write of the sweeper does.

use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row};

use super::recent::{Recent, RecentEvents};
use super::row::{self, microseconds, microseconds_after};
use super::statement::{over_rows, runs};
use super::writer::Session;
use crate::job::{Attempt, JobId, JobType};
use crate::store::{StoreError, now};

pub(super) async fn extend(
    session: &mut Session,
    held: &[(JobId, Attempt)],
    lease: Duration,
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let Session { connection, known } = session;
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
    for (id, _) in &extended {
        if let Some(known) = known.jobs.get_mut(id) {
            known.lease_expires_at = Some(microseconds_after(now, lease));
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

pub(super) async fn expired(
    readers: &SqlitePool,
    recent: &RecentEvents,
    limit: u32,
) -> Result<Vec<(JobId, Attempt)>, StoreError> {
    let now = microseconds(now());
    let recent = recent.ask(readers, Recent::all_latest).await?;
    let silent = recent.iter().filter(|(_, latest)| latest.written.lease_expires_at < now && !latest.is_the_end());
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "SELECT id, attempt, last_seq, lease_expires_at, updated_at FROM ai_jobs
         WHERE status = 'processing' AND lease_expires_at IS NOT NULL AND (lease_expires_at < ",
    );
    query.push_bind(now).push(" OR id IN (");
    let mut list = query.separated(", ");
    for (id, _) in silent {
        list.push_bind(id.0);
    }
    query.push(")) AND job_type IN (");
    let mut list = query.separated(", ");
    for job_type in JobType::ALL {
        list.push_bind(job_type.as_str());
    }
    // Of those whose rows are behind some have not expired.
    let with_those = u32::try_from(recent.len()).unwrap_or(u32::MAX).saturating_add(limit);
    query.push(") ORDER BY lease_expires_at LIMIT ").push_bind(with_those);
    let mut expired = Vec::new();
    for found in query.build().fetch_all(readers).await? {
        let held = id_and_attempt(&found)?;
        let of_row = found.try_get("lease_expires_at")?;
        let lease = match recent.get(&held.0) {
            Some(latest) if latest.is_ahead_of(found.try_get("last_seq")?) => {
                latest.lease(of_row, found.try_get("updated_at")?)
            }
            _ => of_row,
        };
        if lease.is_some_and(|lease| lease < now) && expired.len() < limit as usize {
            expired.push(held);
        }
    }
    Ok(expired)
}

fn id_and_attempt(found: &SqliteRow) -> Result<(JobId, Attempt), StoreError> {
    Ok((JobId(found.try_get("id")?), row::count(found, "attempt")?))
}
