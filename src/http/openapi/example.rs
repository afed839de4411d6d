//! The examples in the document: one job's life, written by the rules that write every job's.
//! Must not show what the server would not say.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use utoipa::openapi::Components;
use uuid::{Uuid, uuid};

use super::schemas::{event_schema, give_example};
use crate::engine::JobView;
use crate::event::{Event, Subject};
use crate::http::event_stream::{self, Resume};
use crate::http::wire::{StartedJob, SyncEvent, WireJob};
use crate::job::{BrandId, Job, JobId, JobType, NewJob};
use crate::pipeline::Definition;
use crate::write::{Action, Effects, Failure, JobResult, Progress, Report, apply, claim, webhook_body};

/// The ids of the job, its brand and its result.
pub(super) const JOB_ID: Uuid = uuid!("0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d");
pub(super) const BRAND_ID: Uuid = uuid!("7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d");
const RESULT_ID: Uuid = uuid!("5f0c9b52-9d0e-4b8e-8a55-0f1f5f6f7a81");

/// The site that it is about.
pub(super) const SITE: &str = "https://example.com/";

/// A job and what has happened to it.
struct Life {
    job: Job,
    events: Vec<Event>,
    now: DateTime<Utc>,
}

impl Life {
    /// A job that was just started.
    fn begun() -> Life {
        let now = DateTime::from_timestamp(1_774_951_200, 0).unwrap_or_default();
        let definition = Definition::of(JobType::BrandIntelligence);
        let new = NewJob {
            brand_id: BrandId(BRAND_ID),
            job_type: definition.job_type,
            input_data: input_data(),
            idempotency_key: None,
            webhook_url: None,
            estimated_duration: 90,
            total_steps: definition.steps.len() as u32,
            max_retries: 3,
        };
        let (job, Effects { events, .. }) = new.create(JobId(JOB_ID), now);
        Life { job, events, now }
    }

    /// The same a second later, with what this did; it stays as it is if the rules refuse it.
    fn then(mut self, change: impl FnOnce(&mut Job, DateTime<Utc>) -> Option<Effects>) -> Life {
        self.now += TimeDelta::seconds(1);
        if let Some(Effects { events, .. }) = change(&mut self.job, self.now) {
            self.events.extend(events);
        }
        self
    }

    fn claimed(self) -> Life {
        self.then(|job, now| claim(job, now).ok())
    }

    fn reporting(self, report: Report) -> Life {
        let attempt = self.job.attempt;
        self.doing(Action::Attempt(attempt, report))
    }

    fn doing(self, action: Action) -> Life {
        self.then(|job, now| apply(job, false, &action, now).ok())
    }

    /// Up to the model's first words.
    fn under_way() -> Life {
        let progress = |step, percent, text: &str, detail| {
            Report::Progress(Progress { step, percent, text: text.to_owned(), detail })
        };
        Life::begun()
            .claimed()
            .reporting(progress(1, 40, "Analyzing website", json!({"page": 3, "total": 5, "url": SITE})))
            .reporting(progress(2, 60, "Extracting brand intelligence with AI", json!({})))
            .reporting(Report::Delta("{\"brand_name\": \"Exam".to_owned()))
    }

    fn completed() -> Life {
        let usage = json!({
            "calls": 1, "input_tokens": 8412, "output_tokens": 1733, "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0, "cost_usd": 0.051_231,
        });
        let result = JobResult { result_id: RESULT_ID, result_data: json!({}), usage: Some(usage), rows: Vec::new() };
        Life::under_way().reporting(Report::Complete(result))
    }

    fn retrying() -> Life {
        Life::under_way().reporting(Report::Retry(failure(), Duration::from_secs(4)))
    }

    fn failed() -> Life {
        Life::under_way().reporting(Report::Fail(failure()))
    }

    fn cancelled() -> Life {
        Life::under_way().doing(Action::Cancel)
    }

    fn view(self) -> JobView {
        let estimated_completion = Some(self.now + TimeDelta::seconds(30)).filter(|_| !self.job.status.is_terminal());
        JobView { job: self.job, input_data: input_data(), estimated_completion, webhook: None }
    }
}

fn input_data() -> Value {
    json!({"url": SITE, "max_pages": 15})
}

fn failure() -> Failure {
    Failure { message: "Claude is overloaded".to_owned(), code: "overloaded".to_owned() }
}

/// The bytes of a stream of the job, opened when it was under way.
pub(super) fn stream_of_a_job() -> String {
    let sync = SyncEvent::of(Life::under_way().view(), Resume::Start);
    let frames = Life::completed().events.into_iter().map(|event| event.frame(Subject::Job(JobId(JOB_ID))));
    event_stream::sync_frame(3000, 0, &sync) + &frames.collect::<String>()
}

/// The body of the call to the job's webhook.
pub(super) fn webhook_call() -> Value {
    let Life { job, events, .. } = Life::completed();
    let body = events.last().map(|event| webhook_body(&job, event)).unwrap_or_default();
    serde_json::from_str(&body).unwrap_or_default()
}

/// The examples of the schemas.
pub(super) fn add_to(components: &mut Components) {
    for life in [Life::completed(), Life::retrying(), Life::failed(), Life::cancelled()] {
        for event in life.events {
            let data = serde_json::from_str(&event.data).unwrap_or_default();
            give_example(components, &event_schema(event.name), data);
        }
    }
    give_example(components, "StartedJob", json!(StartedJob::of(&Life::begun().job, None)));
    give_example(components, "Job", json!(WireJob::from(Life::under_way().view())));
}
