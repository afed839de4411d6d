//! The JSON that the routes answer with, in the contract's words.
//! Must not decide anything.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::access::Token;
use crate::engine::{BrandView, JobTypeView, JobView};
use crate::event::{Seq, instant};
use crate::job::{BrandId, Job, JobId, JobStatus, JobType};
use crate::pipeline::{Input, InputKind};
use crate::store::WebhookState;

/// A job, as in `GET /api/jobs/:id/status`, in a list and in the first frame of a stream.
#[derive(Serialize)]
pub(super) struct WireJob {
    id: JobId,
    brand_id: BrandId,
    job_type: JobType,
    input_data: Value,
    status: JobStatus,
    progress: u8,
    current_step: String,
    step: u32,
    total_steps: u32,
    retry_count: u32,
    max_retries: u32,
    last_seq: Seq,
    created_at: String,
    started_at: Option<String>,
    completed_at: Option<String>,
    estimated_completion: Option<String>,
    result_id: Option<Uuid>,
    error_message: Option<String>,
    webhook: Option<WireWebhook>,
}

/// How the webhook of a job stands.
#[derive(Serialize)]
struct WireWebhook {
    url: String,
    status: &'static str,
    attempts: u32,
    last_error: Option<String>,
    next_attempt_at: Option<String>,
    delivered_at: Option<String>,
}

impl From<WebhookState> for WireWebhook {
    fn from(state: WebhookState) -> WireWebhook {
        WireWebhook {
            url: without_path(&state.url),
            status: state.status.as_str(),
            attempts: state.attempts,
            last_error: state.last_error,
            next_attempt_at: state.next_attempt_at.map(instant),
            delivered_at: state.delivered_at.map(instant),
        }
    }
}

/// The address as far as it can be shown to whoever sees the job: the rest may be what makes it secret.
fn without_path(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "…".to_owned() };
    let hidden = if url.path() == "/" && url.query().is_none() { "" } else { "…" };
    format!("{}/{hidden}", url.origin().ascii_serialization())
}

impl From<JobView> for WireJob {
    fn from(JobView { job, input_data, estimated_completion, webhook }: JobView) -> WireJob {
        WireJob {
            id: job.id,
            brand_id: job.brand_id,
            job_type: job.job_type,
            input_data,
            status: job.status,
            progress: job.progress,
            current_step: job.current_step,
            step: job.step,
            total_steps: job.total_steps,
            retry_count: job.retry_count,
            max_retries: job.max_retries,
            last_seq: job.last_seq,
            created_at: instant(job.created_at),
            started_at: job.started_at.map(instant),
            completed_at: job.completed_at.map(instant),
            estimated_completion: estimated_completion.map(instant),
            result_id: job.result_id,
            error_message: job.error_message,
            webhook: webhook.map(Into::into),
        }
    }
}

/// The answer to the first start under a key and to every further one: it says what the job was when it was started. The
/// token of the stream's address is new each time.
pub(super) fn started(job: &Job, events_token: Option<Token>) -> Value {
    json!({
        "success": true,
        "job_id": job.id,
        "status": JobStatus::Pending,
        "estimated_duration": job.estimated_duration,
        "events_url": events_url(job, events_token),
        "status_url": status_url(job),
    })
}

/// A browser's EventSource sends no headers, so the token is in the address; a token needs no escaping in one.
fn events_url(job: &Job, token: Option<Token>) -> String {
    let query = token.map(|token| format!("?access_token={}", token.expose())).unwrap_or_default();
    format!("/api/jobs/{}/events{query}", job.id)
}

pub(super) fn status_url(job: &Job) -> String {
    format!("/api/jobs/{}/status", job.id)
}

pub(super) fn job(job: WireJob) -> Value {
    json!({"success": true, "job": job})
}

pub(super) fn list(jobs: Vec<WireJob>, next_cursor: Option<String>) -> Value {
    match next_cursor {
        Some(next_cursor) => json!({"success": true, "jobs": jobs, "next_cursor": next_cursor}),
        None => json!({"success": true, "jobs": jobs, "next_cursor": null}),
    }
}

pub(super) fn result(job: &Job, result_data: &Value, completed_at: Option<DateTime<Utc>>) -> Value {
    json!({
        "success": true,
        "status": job.status,
        "result_id": job.result_id,
        "result_data": result_data,
        "completed_at": completed_at.map(instant),
    })
}

pub(super) fn job_types(views: &[JobTypeView], simulated: bool) -> Value {
    let job_types: Vec<Value> = views.iter().map(job_type).collect();
    json!({"success": true, "simulated": simulated, "job_types": job_types})
}

fn job_type(view: &JobTypeView) -> Value {
    json!({
        "job_type": view.job_type,
        "available": view.missing_key.is_none(),
        "missing": view.missing_key,
        "estimated_duration": view.estimated_duration,
        "input": view.inputs.iter().map(input).collect::<Vec<_>>(),
    })
}

fn input(input: &Input) -> Value {
    match input.kind {
        InputKind::RequiredUrl => json!({"name": input.name, "kind": "url", "required": true}),
        InputKind::Text { required, longest } => json!({
            "name": input.name, "kind": "text", "required": required, "maximum_length": longest,
        }),
        InputKind::Date => json!({"name": input.name, "kind": "date", "required": false}),
        InputKind::Boolean { default } => json!({
            "name": input.name, "kind": "boolean", "required": false, "default": default,
        }),
        InputKind::Integer { default, minimum, maximum } => json!({
            "name": input.name, "kind": "integer", "required": false,
            "default": default, "minimum": minimum, "maximum": maximum,
        }),
    }
}

/// The data of a brand stream's first frame: its newest jobs, and where the stream has come to.
pub(super) fn brand_sync(BrandView { brand_id, stream, jobs }: BrandView, resume: &str) -> String {
    let jobs: Vec<WireJob> = jobs.into_iter().map(Into::into).collect();
    json!({"brand_id": brand_id, "jobs": jobs, "resume": resume, "last_seq": stream.last_seq}).to_string()
}

/// The data of a stream's first frame.
pub(super) fn sync(job: WireJob, resume: &str) -> String {
    let last_seq = job.last_seq;
    json!({"job": job, "resume": resume, "last_seq": last_seq}).to_string()
}
