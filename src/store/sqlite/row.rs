//! Reads jobs and events out of SQLite's rows, and turns instants into numbers and back.
//! Must not run statements.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;

use crate::event::{Event, EventName};
use crate::job::{BrandId, Job, JobId, JobStatus, JobType};
use crate::store::{StoreError, StoredJob};

/// The job of a row of `job_columns!`; nothing if this version does not know its type or status.
pub(super) fn job(row: &SqliteRow) -> Result<Option<Job>, StoreError> {
    let job_type = row.try_get::<&str, _>("job_type")?.parse::<JobType>();
    let status = row.try_get::<&str, _>("status")?.parse::<JobStatus>();
    let (Ok(job_type), Ok(status)) = (job_type, status) else { return Ok(None) };
    Ok(Some(Job {
        id: JobId(row.try_get("id")?),
        brand_id: BrandId(row.try_get("brand_id")?),
        job_type,
        status,
        progress: row.try_get::<i64, _>("progress")?.clamp(0, 100) as u8,
        current_step: row.try_get("current_step")?,
        step: count(row, "step")?,
        step_started_at: row.try_get::<Option<i64>, _>("step_started_at")?.map(instant).transpose()?,
        total_steps: count(row, "total_steps")?,
        retry_count: count(row, "retry_count")?,
        max_retries: count(row, "max_retries")?,
        attempt: count(row, "attempt")?,
        last_seq: row.try_get("last_seq")?,
        pruned_through: row.try_get("pruned_through")?,
        created_at: instant(row.try_get("created_at")?)?,
        estimated_duration: count(row, "estimated_duration")?,
        started_at: row.try_get::<Option<i64>, _>("started_at")?.map(instant).transpose()?,
        completed_at: row.try_get::<Option<i64>, _>("completed_at")?.map(instant).transpose()?,
        result_id: row.try_get("result_id")?,
        error_message: row.try_get("error_message")?,
        error_code: row.try_get("error_code")?,
        webhook_url: row.try_get("webhook_url")?,
    }))
}

/// The same with the input, from a row that has `input_data` too.
pub(super) fn stored_job(row: &SqliteRow) -> Result<Option<StoredJob>, StoreError> {
    let Some(job) = job(row)? else { return Ok(None) };
    let Json(input_data) = row.try_get("input_data")?;
    Ok(Some(StoredJob::new(job, input_data)))
}

/// A column that counts something; a negative number reads as none.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

/// The event of a row of `job_id, seq, brand_seq, name, at, data`.
///
/// An unknown name is an error: to leave the event out would look like a loss.
pub(super) fn event(row: &SqliteRow) -> Result<Event, StoreError> {
    let (job_id, seq) = (JobId(row.try_get("job_id")?), row.try_get("seq")?);
    let name: EventName = row
        .try_get::<&str, _>("name")?
        .parse()
        .map_err(|error| StoreError::Rejected(format!("event {seq} of job {job_id}: {error}")))?;
    Ok(Event {
        job_id,
        seq,
        brand_seq: row.try_get("brand_seq")?,
        name,
        at: instant(row.try_get("at")?)?,
        data: row.try_get("data")?,
    })
}

/// An instant as the file keeps it: microseconds since 1970.
pub(super) fn microseconds(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The instant that lies this much later.
pub(super) fn microseconds_after(at: DateTime<Utc>, delay: Duration) -> i64 {
    microseconds(at).saturating_add(i64::try_from(delay.as_micros()).unwrap_or(i64::MAX))
}

pub(super) fn instant(microseconds: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| StoreError::Rejected(format!("{microseconds} microseconds since 1970 is no instant")))
}
