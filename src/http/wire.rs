//! The JSON that the routes answer with, in the contract's words; the document about the API is made from these types.
//! Must not decide anything.

use serde::Serialize;
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::event_stream::Resume;
use crate::access::Token;
use crate::engine::{BrandView, JobTypeView, JobView};
use crate::event::{Seq, instant};
use crate::job::{BrandId, Job, JobId, JobStatus, JobType};
use crate::pipeline::{Input, InputKind};
use crate::store::{WebhookState, WebhookStatus};

/// A job, as in its status, in a list and in the first frame of a stream.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct WireJob {
    #[schema(value_type = Uuid)]
    id: JobId,
    #[schema(value_type = Uuid)]
    brand_id: BrandId,
    job_type: JobType,
    /// The input with its defaults filled in; what it may hold depends on the type.
    #[schema(required)]
    input_data: Value,
    status: JobStatus,
    /// Percent done; never goes down within an attempt.
    #[schema(minimum = 0, maximum = 100)]
    progress: u8,
    /// What is going on, for a person.
    #[schema(examples("Step 2/3: Analyzing competitor ads with AI"))]
    current_step: String,
    /// The number of the current step, from 1; 0 before the first.
    step: u32,
    total_steps: u32,
    /// How many attempts failed and were followed by another since the job was last queued by a user.
    retry_count: u32,
    /// How many such attempts there may be.
    max_retries: u32,
    /// The seq of the job's latest event; 0 for a job that the origin application runs.
    #[schema(value_type = i64, minimum = 0)]
    last_seq: Seq,
    #[schema(format = DateTime)]
    created_at: String,
    /// When its first attempt since it was queued began.
    #[schema(format = DateTime, required)]
    started_at: Option<String>,
    /// When it completed, failed or was cancelled.
    #[schema(format = DateTime, required)]
    completed_at: Option<String>,
    /// When it will probably be done, made anew for every answer while it is under way.
    #[schema(format = DateTime, required)]
    estimated_completion: Option<String>,
    /// The row that a completed job created, the first of them where there are several.
    #[schema(required)]
    result_id: Option<Uuid>,
    /// Why it failed, or why its last attempt did.
    #[schema(required)]
    error_message: Option<String>,
    /// How its webhook stands; null without a `webhook_url`.
    #[schema(required)]
    webhook: Option<WireWebhook>,
}

/// How the call to a job's webhook stands; that of the latest end.
#[derive(Serialize, ToSchema)]
#[schema(as = JobWebhook)]
struct WireWebhook {
    /// Where it goes, as far as it can be shown: `…` stands for a path and a query, which may be secret.
    #[schema(examples("https://hooks.example.com/…"))]
    url: String,
    status: WireWebhookStatus,
    /// Tries that were begun.
    attempts: u32,
    /// What the last failed try met.
    #[schema(required)]
    last_error: Option<String>,
    /// When the next try may begin; while one is under way, when it is taken for lost.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// When the receiver confirmed it.
    #[schema(format = DateTime, required)]
    delivered_at: Option<String>,
}

/// Whether the receiver of a webhook has confirmed its call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookStatus)]
enum WireWebhookStatus {
    /// The job is not over, or it could not be told of yet.
    Pending,
    /// The receiver has confirmed it.
    Delivered,
    /// It was given up.
    Failed,
}

impl From<WebhookState> for WireWebhook {
    fn from(state: WebhookState) -> WireWebhook {
        WireWebhook {
            url: without_path(&state.url),
            status: match state.status {
                WebhookStatus::Pending => WireWebhookStatus::Pending,
                WebhookStatus::Delivered => WireWebhookStatus::Delivered,
                WebhookStatus::Failed => WireWebhookStatus::Failed,
            },
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

/// The answer to a start.
#[derive(Serialize, ToSchema)]
pub(super) struct StartedJob {
    #[schema(schema_with = always_true)]
    success: bool,
    #[schema(value_type = Uuid)]
    job_id: JobId,
    /// What the job was when it was started, also where the start is sent again under its key.
    #[schema(schema_with = pending)]
    status: JobStatus,
    /// How long it will probably take, in seconds.
    #[schema(minimum = 1)]
    estimated_duration: u32,
    /// Where its events are. Where tokens are asked for it has one for this stream alone, good for an hour.
    #[schema(format = "uri-reference", examples("/api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/events"))]
    events_url: String,
    #[schema(format = "uri-reference", examples("/api/jobs/0197f3a2-6c1e-7b60-9a64-1d7a3f0b2c4d/status"))]
    status_url: String,
}

impl StartedJob {
    /// The answer to the first start under a key and to every further one: it says what the job was when it was started.
    /// The token of the stream's address is new each time.
    pub(super) fn of(job: &Job, events_token: Option<Token>) -> StartedJob {
        StartedJob {
            success: true,
            job_id: job.id,
            status: JobStatus::Pending,
            estimated_duration: job.estimated_duration,
            events_url: events_url(job, events_token),
            status_url: status_url(job),
        }
    }
}

/// A browser's EventSource sends no headers, so the token is in the address; a token needs no escaping in one.
fn events_url(job: &Job, token: Option<Token>) -> String {
    let query = token.map(|token| format!("?access_token={}", token.expose())).unwrap_or_default();
    format!("/api/jobs/{}/events{query}", job.id)
}

pub(super) fn status_url(job: &Job) -> String {
    format!("/api/jobs/{}/status", job.id)
}

/// An answer with one job.
#[derive(Serialize, ToSchema)]
pub(super) struct JobAnswer {
    #[schema(schema_with = always_true)]
    success: bool,
    job: WireJob,
}

impl JobAnswer {
    pub(super) fn of(view: JobView) -> JobAnswer {
        JobAnswer { success: true, job: view.into() }
    }
}

/// One page of the list of jobs.
#[derive(Serialize, ToSchema)]
pub(super) struct JobPage {
    #[schema(schema_with = always_true)]
    success: bool,
    /// Newest first.
    jobs: Vec<WireJob>,
    /// The `cursor` of the next page; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl JobPage {
    pub(super) fn of(views: Vec<JobView>, next_cursor: Option<String>) -> JobPage {
        JobPage { success: true, jobs: views.into_iter().map(Into::into).collect(), next_cursor }
    }
}

/// What a completed job came to.
#[derive(Serialize, ToSchema)]
pub(super) struct JobResult {
    #[schema(schema_with = always_true)]
    success: bool,
    #[schema(schema_with = completed)]
    status: JobStatus,
    /// The row that the job created, the first of them where there are several.
    #[schema(required)]
    result_id: Option<Uuid>,
    /// The full result; what it holds depends on the type of the job.
    #[schema(required)]
    result_data: Value,
    #[schema(format = DateTime, required)]
    completed_at: Option<String>,
}

impl JobResult {
    pub(super) fn of(job: &Job, result_data: Value) -> JobResult {
        JobResult {
            success: true,
            status: job.status,
            result_id: job.result_id,
            result_data,
            completed_at: job.completed_at.map(instant),
        }
    }
}

/// What can be started on this server.
#[derive(Serialize, ToSchema)]
pub(super) struct JobTypes {
    #[schema(schema_with = always_true)]
    success: bool,
    /// Whether the upstreams are stand-ins, as in the demo.
    simulated: bool,
    job_types: Vec<JobTypeInfo>,
}

/// A type of job and what its input may hold.
#[derive(Serialize, ToSchema)]
struct JobTypeInfo {
    job_type: JobType,
    /// Whether it can be started here.
    available: bool,
    /// The environment variable of the key that is not set; null if none is missing.
    #[schema(required)]
    missing: Option<&'static str>,
    /// How long it will probably take, in seconds.
    #[schema(minimum = 1)]
    estimated_duration: u32,
    /// The members of `input_data`.
    input: Vec<InputField>,
}

/// A member of `input_data`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum InputField {
    /// The http or https address of a site.
    Url { name: &'static str, required: bool },
    /// A text that is not blank.
    Text {
        name: &'static str,
        required: bool,
        /// In characters.
        maximum_length: usize,
    },
    /// A day, `YYYY-MM-DD`.
    Date { name: &'static str, required: bool },
    /// Yes or no.
    Boolean { name: &'static str, required: bool, default: bool },
    /// A whole number.
    Integer { name: &'static str, required: bool, default: i64, minimum: i64, maximum: i64 },
}

impl JobTypes {
    pub(super) fn of(views: &[JobTypeView], simulated: bool) -> JobTypes {
        JobTypes { success: true, simulated, job_types: views.iter().map(job_type).collect() }
    }
}

fn job_type(view: &JobTypeView) -> JobTypeInfo {
    JobTypeInfo {
        job_type: view.job_type,
        available: view.missing_key.is_none(),
        missing: view.missing_key,
        estimated_duration: view.estimated_duration,
        input: view.inputs.iter().map(input).collect(),
    }
}

fn input(&Input { name, ref kind }: &Input) -> InputField {
    match *kind {
        InputKind::RequiredUrl => InputField::Url { name, required: true },
        InputKind::Text { required, longest } => InputField::Text { name, required, maximum_length: longest },
        InputKind::Date => InputField::Date { name, required: false },
        InputKind::Boolean { default } => InputField::Boolean { name, required: false, default },
        InputKind::Integer { default, minimum, maximum } => {
            InputField::Integer { name, required: false, default, minimum, maximum }
        }
    }
}

/// The data of the first frame of a job's stream, `sync`.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncEvent {
    job: WireJob,
    resume: Resume,
    /// The seq of the job's latest event.
    #[schema(value_type = i64, minimum = 0)]
    last_seq: Seq,
}

impl SyncEvent {
    pub(super) fn of(view: JobView, resume: Resume) -> SyncEvent {
        SyncEvent { last_seq: view.job.last_seq, job: view.into(), resume }
    }
}

/// The data of the first frame of a brand's stream, `sync`.
#[derive(Serialize, ToSchema)]
pub(super) struct BrandSyncEvent {
    #[schema(value_type = Uuid)]
    brand_id: BrandId,
    /// The newest fifty jobs of the brand, newest first.
    #[schema(max_items = 50)]
    jobs: Vec<WireJob>,
    resume: Resume,
    /// The id of the brand's latest event; `last_seq` of a job counts that job's own events.
    #[schema(value_type = i64, minimum = 0)]
    last_seq: Seq,
}

impl BrandSyncEvent {
    pub(super) fn of(BrandView { brand_id, stream, jobs }: BrandView, resume: Resume) -> BrandSyncEvent {
        let jobs = jobs.into_iter().map(Into::into).collect();
        BrandSyncEvent { brand_id, jobs, resume, last_seq: stream.last_seq }
    }
}

/// The schema of the `success` of an answer that is no error.
pub(super) fn always_true() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
}

fn pending() -> Object {
    always(JobStatus::Pending)
}

fn completed() -> Object {
    always(JobStatus::Completed)
}

/// The schema of a status that can be no other.
fn always(status: JobStatus) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([status.as_str()])).build()
}
