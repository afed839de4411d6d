//! What a job's webhook is told of its end: the words of the call, which are stored with the terminal event.
//! Must not send or sign anything.

use serde::Serialize;
use utoipa::ToSchema;

use crate::event::{Event, EventName, instant};
use crate::job::{BrandId, Job, JobId, JobStatus, JobType};

/// The body of a call to a webhook. Thin: it says what happened and where the result is, so that nothing is told that the
/// receiver may not read.
#[derive(Serialize, ToSchema)]
pub struct WebhookCall<'a> {
    #[serde(rename = "type")]
    kind: WebhookCallType,
    /// When the job was over.
    #[schema(format = DateTime)]
    timestamp: String,
    data: WebhookCallData<'a>,
}

/// What has happened.
#[derive(Serialize, ToSchema)]
enum WebhookCallType {
    #[serde(rename = "job.completed")]
    Completed,
    #[serde(rename = "job.failed")]
    Failed,
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

/// The job that is over.
#[derive(Serialize, ToSchema)]
struct WebhookCallData<'a> {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    #[schema(value_type = Uuid)]
    brand_id: BrandId,
    job_type: JobType,
    status: JobStatus,
    /// Where the result of a completed job is.
    #[schema(format = "uri-reference", required)]
    result_url: Option<String>,
    /// Why a failed job failed.
    #[schema(required)]
    error_message: Option<&'a str>,
}

/// The body of the call about this terminal event of the job, which is as it was after the event.
pub fn webhook_body(job: &Job, event: &Event) -> String {
    let kind = match event.name {
        EventName::Completed => WebhookCallType::Completed,
        EventName::Failed => WebhookCallType::Failed,
        // The only other terminal event.
        _ => WebhookCallType::Cancelled,
    };
    let completed = event.name == EventName::Completed;
    let failed = event.name == EventName::Failed;
    let data = WebhookCallData {
        job_id: job.id,
        brand_id: job.brand_id,
        job_type: job.job_type,
        status: job.status,
        result_url: completed.then(|| format!("/api/jobs/{}/result", job.id)),
        // A job that was cancelled may still show why its last attempt failed.
        error_message: job.error_message.as_deref().filter(|_| failed),
    };
    let call = WebhookCall { kind, timestamp: instant(event.at), data };
    serde_json::to_string(&call).expect("a call has string keys and no numbers")
}
