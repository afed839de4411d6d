//! The routes about jobs that answer with JSON, in the document.
//! Must not describe an event stream.

use serde_json::json;
use utoipa::openapi::HttpMethod::{Get, Post};
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::response::ResponseBuilder;

use super::errors::{self, invalid, refused, wrong_state};
use super::operation::{Access, ENTITY_TAG, Route, header, header_ref, json_answer, optional_header, text};
use super::{parameters, start};
use crate::http::error::ApiError;
use crate::http::wire::{JobAnswer, JobPage, JobResult, JobTypes, StartedJob};
use crate::http::{body, jobs};
use crate::job::JobStatus;
use crate::write::Refusal;

pub(super) const TAG: &str = "jobs";

pub(super) fn operations() -> Vec<Route> {
    vec![start(), list(), status(), result(), cancel(), retry(), job_types()]
}

fn start() -> Route {
    Route::new(Post, "/api/jobs/start", "start_job", TAG, Access::Writes)
        .about(
            "Start a job",
            "Answered at once, before any upstream is called. Follow `events_url`, or ask at `status_url`. Send an \
             `Idempotency-Key`, and a start whose answer was lost can be sent again.",
        )
        .parameter(parameters::idempotency_key())
        .body(start::body())
        .answer(202, started())
        .errors([
            ApiError::malformed("the request body is not JSON: expected value at line 1 column 1"),
            ApiError::BoundToAJob,
            ApiError::BodyTimeout,
            ApiError::TooLarge { limit: body::LIMIT },
            ApiError::NotJson,
            invalid("input_data.url", "is required: the address of a site, such as https://example.com"),
            refused(Refusal::UnknownBrand),
            refused(Refusal::KeyReused),
            errors::queue_full(),
            errors::too_many_starts(),
            errors::missing_key(),
            errors::draining(),
        ])
        .errors(errors::database())
}

fn started() -> ResponseBuilder {
    let replayed = optional_header(
        "`true` where the job had been started before, under the same `Idempotency-Key`.",
        text().enum_values(Some(["true"])),
    );
    let to = |id: &str, about: &str| {
        LinkBuilder::new().operation_id(id).parameter("id", json!("$response.body#/job_id")).description(about).build()
    };
    json_answer::<StartedJob>("The job waits for a worker.")
        .header("Location", header("Where the job's status is.", text()))
        .header("Idempotent-Replayed", replayed)
        .link("status", to("get_job_status", "The job."))
        .link("events", to("watch_job", "What happens to it."))
        .link("result", to("get_job_result", "What it came to."))
        .link("cancel", to("cancel_job", "Stops it."))
        .link("retry", to("retry_job", "Puts it back in the queue."))
}

fn list() -> Route {
    let about = format!(
        "Newest first, up to {} a page; `next_cursor` leads to the next page. Of a caller's brands alone. Other parameters are \
         refused by name.",
        jobs::LARGEST_PAGE
    );
    Route::new(Get, "/api/jobs", "list_jobs", TAG, Access::Reads)
        .about("List jobs", about)
        .parameter(parameters::brand_filter())
        .parameter(parameters::filter("status", "JobStatus", "Jobs of this status alone."))
        .parameter(parameters::filter("job_type", "JobType", "Jobs of this type alone."))
        .parameter(parameters::limit())
        .parameter(parameters::cursor())
        .answer(200, json_answer::<JobPage>("A page of jobs."))
        .errors([errors::query(), invalid("limit", &whole_number(1, jobs::LARGEST_PAGE))])
        .errors(errors::database())
}

fn status() -> Route {
    let tag = || header_ref(ENTITY_TAG);
    let unchanged = ResponseBuilder::new()
        .description("The job is as `If-None-Match` says that it was.")
        .header_ref("ETag", tag())
        .header("Cache-Control", no_cache());
    let job = json_answer::<JobAnswer>("The job.").header_ref("ETag", tag()).header("Cache-Control", no_cache());
    Route::new(Get, "/api/jobs/{id}/status", "get_job_status", TAG, Access::Reads)
        .about(
            "Ask about a job",
            "For clients that cannot follow the event stream. With `If-None-Match` and `wait` the answer comes when something \
             has changed.",
        )
        .parameter(parameters::job_id())
        .parameter(parameters::wait())
        .parameter(parameters::if_none_match())
        .answer(200, job)
        .answer(304, unchanged)
        .errors([
            errors::query(),
            errors::unknown_job(),
            invalid("wait", &whole_number(0, jobs::LONGEST_WAIT)),
        ])
        .errors(errors::database())
}

fn whole_number(minimum: u32, maximum: u32) -> String {
    format!("must be a whole number from {minimum} to {maximum}")
}

/// The `Cache-Control` of what must be asked for again each time.
pub(super) fn no_cache() -> utoipa::openapi::Header {
    header("Ask again each time.", text().enum_values(Some(["no-cache"])))
}

fn result() -> Route {
    let failed = ApiError::NoResult {
        status: JobStatus::Failed,
        error_message: Some("Claude refused: the key is not valid".to_owned()),
    };
    Route::new(Get, "/api/jobs/{id}/result", "get_job_result", TAG, Access::Reads)
        .about("Fetch what a job came to", "While there is no result, 409 says what the job is.")
        .parameter(parameters::job_id())
        .answer(200, json_answer::<JobResult>("The result of a completed job."))
        .errors([
            errors::unknown_job(),
            ApiError::NoResult { status: JobStatus::Processing, error_message: None },
            failed,
        ])
        .errors(errors::database())
}

fn cancel() -> Route {
    Route::new(Post, "/api/jobs/{id}/cancel", "cancel_job", TAG, Access::Writes)
        .about(
            "Stop a job for good",
            "Closes its upstream connection. A job that was cancelled before is answered with likewise; one that completed or \
             failed is not stopped any more.",
        )
        .parameter(parameters::job_id())
        .answer(200, json_answer::<JobAnswer>("The job is cancelled."))
        .errors([errors::unknown_job(), wrong_state(JobStatus::Completed), refused(Refusal::NotOurs)])
        .errors(errors::database())
}

fn retry() -> Route {
    Route::new(Post, "/api/jobs/{id}/retry", "retry_job", TAG, Access::Writes)
        .about(
            "Put a failed or cancelled job back in the queue",
            "Under the same id; finished steps are not repeated. The event stream goes on after the job's last event.",
        )
        .parameter(parameters::job_id())
        .answer(202, json_answer::<JobAnswer>("The job waits for a worker."))
        .errors([
            errors::unknown_job(),
            wrong_state(JobStatus::Completed),
            refused(Refusal::NotOurs),
            errors::queue_full(),
            errors::too_many_starts(),
            errors::missing_key(),
            errors::draining(),
        ])
        .errors(errors::database())
}

fn job_types() -> Route {
    Route::new(Get, "/api/job-types", "list_job_types", TAG, Access::Knows)
        .about("List what can be started", "With the input of each type, and the key that is missing where one is.")
        .answer(200, json_answer::<JobTypes>("All types of jobs."))
}
