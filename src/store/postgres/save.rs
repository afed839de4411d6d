//! Writes a plan: one statement for each table and kind of change, with arrays in place of rows.
//! Must not begin or end the transaction.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{column, result_row, webhooks};
use crate::job::{Job, NewJob};
use crate::store::plan::Plan;
use crate::write::LeaseChange;

/// Makes the plan part of the transaction. `batch` is remembered with the jobs; a claim has none and leaves theirs.
pub(super) async fn save(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    batch: Option<Uuid>,
    lease: Duration,
) -> Result<(), sqlx::Error> {
    insert_jobs(connection, plan, batch).await?;
    update_moved_jobs(connection, plan, batch, lease).await?;
    update_progress_and_insert_events(connection, plan, batch, lease).await?;
    insert_step_outputs(connection, plan).await?;
    webhooks::insert(connection, plan).await?;
    for (job, row) in plan.result_rows() {
        result_row::insert(connection, job.brand_id, row).await?;
    }
    Ok(())
}

/// A job that nobody has claimed has none of the members that an attempt sets.
async fn insert_jobs(connection: &mut PgConnection, plan: &Plan<'_>, batch: Option<Uuid>) -> Result<(), sqlx::Error> {
    let jobs: Vec<(&Job, &NewJob)> = plan.to_create().into_iter().map(|(changed, new)| (&changed.job, new)).collect();
    if jobs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ai_jobs (id, brand_id, job_type, status, input_data, current_step, total_steps, max_retries,
                              last_seq, created_at, updated_at, completed_at, run_at, last_batch, estimated_duration,
                              idempotency_key, pruned, webhook_url)
         SELECT c.id, c.brand_id, c.job_type, c.status, c.input_data, c.current_step, c.total_steps, c.max_retries,
                c.last_seq, c.created_at, now(), c.completed_at, now(), $12, c.estimated_duration,
                c.idempotency_key, 'nothing', c.webhook_url
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $13::bigint[],
                     $14::text[], $15::text[])
              AS c (id, brand_id, job_type, status, input_data, current_step, total_steps, max_retries, last_seq,
                    created_at, completed_at, estimated_duration, idempotency_key, webhook_url)",
    )
    .bind(column(&jobs, |(job, _)| job.id.0))
    .bind(column(&jobs, |(job, _)| job.brand_id.0))
    .bind(column(&jobs, |(job, _)| job.job_type.as_str()))
    .bind(column(&jobs, |(job, _)| job.status.as_str()))
    .bind(column(&jobs, |(_, new)| Json(&new.input_data)))
    .bind(column(&jobs, |(job, _)| job.current_step.as_str()))
    .bind(column(&jobs, |(job, _)| i64::from(job.total_steps)))
    .bind(column(&jobs, |(job, _)| i64::from(job.max_retries)))
    .bind(column(&jobs, |(job, _)| job.last_seq))
    .bind(column(&jobs, |(job, _)| job.created_at))
    .bind(column(&jobs, |(job, _)| job.completed_at))
    .bind(batch)
    .bind(column(&jobs, |(job, _)| i64::from(job.estimated_duration)))
    .bind(column(&jobs, |(_, new)| new.idempotency_key.as_deref()))
    .bind(column(&jobs, |(_, new)| new.webhook_url.as_deref()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_moved_jobs(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    batch: Option<Uuid>,
    lease: Duration,
) -> Result<(), sqlx::Error> {
    let jobs = plan.to_update(true);
    if jobs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE ai_jobs AS j
         SET status = c.status, progress = c.progress, current_step = c.current_step, step = c.step,
             retry_count = c.retry_count, attempt = c.attempt, last_seq = c.last_seq, started_at = c.started_at,
             completed_at = c.completed_at, result_id = c.result_id,
             result_data = coalesce(c.result_data, j.result_data), error_message = c.error_message,
             error_code = c.error_code, step_started_at = c.step_started_at,
             lease_expires_at = CASE c.lease WHEN 'extend' THEN now() + make_interval(secs => $17)
                                             WHEN 'keep' THEN j.lease_expires_at END,
             run_at = coalesce(now() + make_interval(secs => c.delay), j.run_at),
             last_batch = coalesce($18, j.last_batch), pruned = 'nothing', updated_at = now()
         FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::uuid[], $12::jsonb[], $13::text[],
                     $14::text[], $15::text[], $16::float8[], $19::timestamptz[])
              AS c (id, status, progress, current_step, step, retry_count, attempt, last_seq, started_at, completed_at,
                    result_id, result_data, error_message, error_code, lease, delay, step_started_at)
         WHERE j.id = c.id",
    )
    .bind(column(&jobs, |changed| changed.job.id.0))
    .bind(column(&jobs, |changed| changed.job.status.as_str()))
    .bind(column(&jobs, |changed| i64::from(changed.job.progress)))
    .bind(column(&jobs, |changed| changed.job.current_step.as_str()))
    .bind(column(&jobs, |changed| i64::from(changed.job.step)))
    .bind(column(&jobs, |changed| i64::from(changed.job.retry_count)))
    .bind(column(&jobs, |changed| i64::from(changed.job.attempt)))
    .bind(column(&jobs, |changed| changed.job.last_seq))
    .bind(column(&jobs, |changed| changed.job.started_at))
    .bind(column(&jobs, |changed| changed.job.completed_at))
    .bind(column(&jobs, |changed| changed.job.result_id))
    .bind(column(&jobs, |changed| changed.result.map(|result| Json(&result.result_data))))
    .bind(column(&jobs, |changed| changed.job.error_message.as_deref()))
    .bind(column(&jobs, |changed| changed.job.error_code.as_deref()))
    .bind(column(&jobs, |changed| lease_word(changed.lease)))
    .bind(column(&jobs, |changed| changed.delay.map(|delay| delay.as_secs_f64())))
    .bind(lease.as_secs_f64())
    .bind(batch)
    .bind(column(&jobs, |changed| changed.job.step_started_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The statement of a busy system: nearly every batch is progress and deltas, and a round trip counts.
async fn update_progress_and_insert_events(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    batch: Option<Uuid>,
    lease: Duration,
) -> Result<(), sqlx::Error> {
    let jobs = plan.to_update(false);
    let events = &plan.events;
    if jobs.is_empty() && events.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH progressed AS (
             UPDATE ai_jobs AS j
             SET progress = c.progress, current_step = c.current_step, step = c.step, last_seq = c.last_seq,
                 step_started_at = c.step_started_at, lease_expires_at = now() + make_interval(secs => $6),
                 last_batch = coalesce($7, j.last_batch), updated_at = now()
             FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[],
                         $13::timestamptz[])
                  AS c (id, progress, current_step, step, last_seq, step_started_at)
             WHERE j.id = c.id
         )
         INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
         SELECT * FROM UNNEST($8::uuid[], $9::bigint[], $10::text[], $11::timestamptz[], $12::text[], $14::uuid[],
                              $15::bigint[])",
    )
    .bind(column(&jobs, |changed| changed.job.id.0))
    .bind(column(&jobs, |changed| i64::from(changed.job.progress)))
    .bind(column(&jobs, |changed| changed.job.current_step.as_str()))
    .bind(column(&jobs, |changed| i64::from(changed.job.step)))
    .bind(column(&jobs, |changed| changed.job.last_seq))
    .bind(lease.as_secs_f64())
    .bind(batch)
    .bind(column(events, |event| event.job_id.0))
    .bind(column(events, |event| event.seq))
    .bind(column(events, |event| event.name.as_str()))
    .bind(column(events, |event| event.at))
    .bind(column(events, |event| event.data.as_str()))
    .bind(column(&jobs, |changed| changed.job.step_started_at))
    .bind(column(events, |event| plan.brand_of(event).map(|brand_id| brand_id.0)))
    .bind(column(events, |event| event.brand_seq))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_step_outputs(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    let steps = &plan.step_outputs;
    if steps.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO job_steps (job_id, name, attempt, output, took_ms, finished_at)
         SELECT s.job_id, s.name, s.attempt, s.output, s.took_ms, now()
         FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[], $5::bigint[])
              AS s (job_id, name, attempt, output, took_ms)
         ON CONFLICT (job_id, name) DO NOTHING",
    )
    .bind(column(steps, |step| step.job_id.0))
    .bind(column(steps, |step| step.name))
    .bind(column(steps, |step| i64::from(step.attempt)))
    .bind(column(steps, |step| Json(step.output)))
    .bind(column(steps, |step| step.took_ms()))
    .execute(connection)
    .await?;
    Ok(())
}

fn lease_word(lease: LeaseChange) -> &'static str {
    match lease {
        LeaseChange::Keep => "keep",
        LeaseChange::Extend => "extend",
        LeaseChange::Clear => "clear",
    }
}
