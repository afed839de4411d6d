//! Writes what a plan changes besides its events: one statement for each table and kind of change, with a parameter for
//! each value of each row.
//! Must not begin or end the transaction.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::known::Known;
use super::row::{microseconds, microseconds_after};
use super::statement::{over_rows, runs};
use super::{result_row, webhooks};
use crate::job::{JobId, NewJob};
use crate::store::plan::{ChangedJob, Plan, StepOutput};

/// Makes the plan part of the transaction. `batch` is remembered with the jobs; a claim has none and leaves theirs.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    known: &Known,
    plan: &Plan<'_>,
    batch: Option<Uuid>,
    lease: Duration,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    insert_jobs(connection, &plan.to_create(), batch, now).await?;
    update_moved_jobs(connection, known, &plan.to_update(true), batch, lease, now).await?;
    update_progress(connection, &beyond_their_events(known, plan), batch, lease, now).await?;
    insert_step_outputs(connection, &plan.step_outputs, now).await?;
    webhooks::insert(connection, &plan.deliveries, now).await?;
    for (job, row) in plan.result_rows() {
        result_row::insert(connection, job.brand_id, row, now).await?;
    }
    Ok(())
}

/// Jobs that have moved on by progress alone, but by more than their latest events tell: to another step, or by a step's
/// output. The rows of all others follow when their events are sorted in.
fn beyond_their_events<'p, 'w>(known: &Known, plan: &'p Plan<'w>) -> Vec<&'p ChangedJob<'w>> {
    let with_output: HashSet<JobId> = plan.step_outputs.iter().map(|step| step.job_id).collect();
    let is_behind = |changed: &&ChangedJob<'_>| {
        let before = known.jobs.get(&changed.job.id).map(|known| &known.job);
        before.is_none_or(|before| before.step_started_at != changed.job.step_started_at)
            || with_output.contains(&changed.job.id)
    };
    plan.to_update(false).into_iter().filter(is_behind).collect()
}

/// A job that nobody has claimed has none of the members that an attempt sets.
async fn insert_jobs(
    connection: &mut SqliteConnection,
    created: &[(&ChangedJob<'_>, &NewJob)],
    batch: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for run in runs(created) {
        let mut query = over_rows(
            "INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, current_step, total_steps, max_retries,
                                  last_seq, created_at, updated_at, completed_at, run_at, last_batch,
                                  estimated_duration, idempotency_key, webhook_url) VALUES",
            run.len(),
            17,
            "",
        );
        for (ChangedJob { job, .. }, new) in run {
            query = query
                .bind(job.id.0)
                .bind(job.brand_id.0)
                .bind(job.job_type.as_str())
                .bind(job.status.as_str())
                .bind(Json(&new.input_data))
                .bind(&job.current_step)
                .bind(job.total_steps)
                .bind(job.max_retries)
                .bind(job.last_seq)
                .bind(microseconds(job.created_at))
                .bind(microseconds(now))
                .bind(job.completed_at.map(microseconds))
                .bind(microseconds(now))
                .bind(batch)
                .bind(job.estimated_duration)
                .bind(&new.idempotency_key)
                .bind(&new.webhook_url);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn update_moved_jobs(
    connection: &mut SqliteConnection,
    known: &Known,
    jobs: &[&ChangedJob<'_>],
    batch: Option<Uuid>,
    lease: Duration,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let extended = microseconds_after(now, lease);
    for run in runs(jobs) {
        let mut query = over_rows(
            "WITH c (id, status, progress, current_step, step, retry_count, attempt, last_seq, started_at,
                     completed_at, result_id, result_data, error_message, error_code, lease_expires_at, run_at,
                     step_started_at) AS (VALUES",
            run.len(),
            17,
            ") UPDATE ai_jobs
             SET status = c.status, progress = c.progress, current_step = c.current_step, step = c.step,
                 retry_count = c.retry_count, attempt = c.attempt, last_seq = c.last_seq, started_at = c.started_at,
                 completed_at = c.completed_at, result_id = c.result_id,
                 result_data = coalesce(c.result_data, ai_jobs.result_data), error_message = c.error_message,
                 error_code = c.error_code, step_started_at = c.step_started_at,
                 lease_expires_at = c.lease_expires_at, run_at = coalesce(c.run_at, ai_jobs.run_at), pruned = 'nothing',
                 last_batch = coalesce(?, ai_jobs.last_batch), updated_at = ?
             FROM c WHERE ai_jobs.id = c.id",
        );
        for ChangedJob { job, lease: change, delay, result, .. } in run {
            query = query
                .bind(job.id.0)
                .bind(job.status.as_str())
                .bind(job.progress)
                .bind(&job.current_step)
                .bind(job.step)
                .bind(job.retry_count)
                .bind(job.attempt)
                .bind(job.last_seq)
                .bind(job.started_at.map(microseconds))
                .bind(job.completed_at.map(microseconds))
                .bind(job.result_id)
                .bind(result.map(|result| Json(&result.result_data)))
                .bind(&job.error_message)
                .bind(&job.error_code)
                .bind(known.lease(job.id, *change, extended))
                .bind(delay.map(|delay| microseconds_after(now, delay)))
                .bind(job.step_started_at.map(microseconds));
        }
        query.bind(batch).bind(microseconds(now)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Sets no column that an index has, so that SQLite leaves the indexes alone.
async fn update_progress(
    connection: &mut SqliteConnection,
    jobs: &[&ChangedJob<'_>],
    batch: Option<Uuid>,
    lease: Duration,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for run in runs(jobs) {
        let mut query = over_rows(
            "WITH c (id, progress, current_step, step, last_seq, step_started_at) AS (VALUES",
            run.len(),
            6,
            ") UPDATE ai_jobs
             SET progress = c.progress, current_step = c.current_step, step = c.step, last_seq = c.last_seq,
                 step_started_at = c.step_started_at,
                 lease_expires_at = ?, last_batch = coalesce(?, ai_jobs.last_batch), updated_at = ?
             FROM c WHERE ai_jobs.id = c.id",
        );
        for ChangedJob { job, .. } in run {
            query = query
                .bind(job.id.0)
                .bind(job.progress)
                .bind(&job.current_step)
                .bind(job.step)
                .bind(job.last_seq)
                .bind(job.step_started_at.map(microseconds));
        }
        query
            .bind(microseconds_after(now, lease))
            .bind(batch)
            .bind(microseconds(now))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn insert_step_outputs(
    connection: &mut SqliteConnection,
    steps: &[StepOutput<'_>],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for run in runs(steps) {
        let mut query = over_rows(
            "INSERT INTO job_steps (job_id, name, attempt, output, took_ms, finished_at) VALUES",
            run.len(),
            6,
            "ON CONFLICT (job_id, name) DO NOTHING",
        );
        for step in run {
            query = query
                .bind(step.job_id.0)
                .bind(step.name)
                .bind(step.attempt)
                .bind(Json(step.output))
                .bind(step.took_ms())
                .bind(microseconds(now));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
