//! What a job's webhook is told of its end: the words of the call, which are stored with the terminal event.
//! Must not send or sign anything.

use serde_json::json;

use crate::event::{Event, EventName, instant};
use crate::job::Job;

/// The body of the call about this terminal event of the job, which is as it was after the event. Thin: it says what
/// happened and where the result is, so that nothing is told that the receiver may not read.
pub fn webhook_body(job: &Job, event: &Event) -> String {
    let completed = event.name == EventName::Completed;
    let failed = event.name == EventName::Failed;
    json!({
        "type": format!("job.{}", event.name),
        "timestamp": instant(event.at),
        "data": {
            "job_id": job.id,
            "brand_id": job.brand_id,
            "job_type": job.job_type,
            "status": job.status,
            "result_url": completed.then(|| format!("/api/jobs/{}/result", job.id)),
            // A job that was cancelled may still show why its last attempt failed.
            "error_message": job.error_message.as_ref().filter(|_| failed),
        },
    })
    .to_string()
}
