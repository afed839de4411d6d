//! What is durable: jobs, events, step outputs and result rows, behind one trait with a PostgreSQL and a SQLite side.
//! Must not decide what a write does to a job (`write` does) or tell anybody about it (`event_log` does).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use uuid::Uuid;

use crate::event::{Event, Seq, Subject};
use crate::job::{Attempt, BrandId, Job, JobId, JobStatus, JobType};
use crate::write::{Refusal, ResultTable, Write};
use webhook::DeliveryRow;

/// The columns that make a [`Job`], as both databases select them; rows of the origin application may lack some.
macro_rules! job_columns {
    () => {
        "id, brand_id, job_type, status, coalesce(progress, 0) AS progress, coalesce(current_step, '') AS current_step, \
         step, step_started_at, coalesce(total_steps, 1) AS total_steps, coalesce(retry_count, 0) AS retry_count, \
         coalesce(max_retries, 3) AS max_retries, attempt, last_seq, pruned_through, created_at, \
         coalesce(estimated_duration, 0) AS estimated_duration, started_at, completed_at, result_id, error_message, error_code, \
         webhook_url"
    };
}

pub mod inspection;

mod failure;
mod migrations;
mod nul;
mod plan;
mod postgres;
mod sqlite;
mod webhook;

use inspection::Kind;

pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use webhook::{ClaimedWebhook, WebhookClaim, WebhookOutcome, WebhookState, WebhookStatus};

/// Durable storage of jobs.
///
/// Every method is atomic. `commit` and `claim` run transactions: never call them in a future that a client's
/// disconnect can drop. A dropped call closes its connection, because a cancelled `begin` would leave it inside a
/// transaction (sqlx issue 4385), and nobody learns whether the write became durable.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Commits all writes in one transaction, in their order, and says of each what became of it.
    ///
    /// The jobs are locked in the order of their ids. A batch whose answer was lost may be committed again under the
    /// same `batch` id: what is durable already is reported as [`Committed::again`] and not repeated. A NUL
    /// character is stored and answered as U+FFFD, because PostgreSQL's TEXT and JSONB cannot hold it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where trying again can help; it is then unknown whether the batch is durable.
    /// [`StoreError::Rejected`] where it cannot; nothing of the batch is durable then.
    async fn commit(&self, batch: Uuid, writes: &[Write]) -> Result<Vec<Result<Committed, Refusal>>, StoreError>;

    /// How the writes are best committed, while so many others are under way: those of one part in one transaction, beside
    /// those of other parts. All writes of a job have the same part, and as far as is known all of a brand but starts.
    fn parts(&self, writes: &[Write], under_way: usize) -> Vec<Part> {
        let _ = under_way;
        vec![Part::default(); writes.len()]
    }

    /// Takes up to `claim.limit` due pending jobs, oldest due first, for their next attempt.
    ///
    /// An empty answer does not mean that nothing waits: another instance may be claiming at this moment.
    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, StoreError>;

    /// Those of these attempts that still hold their job.
    async fn still_held(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError>;

    /// Extends the leases of these attempts; answers those that still hold their job.
    async fn heartbeat(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError>;

    /// Up to `limit` attempts whose lease has expired, by the database's clock.
    async fn expired_leases(&self, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError>;

    /// One job; nothing if this version does not know its type or status.
    async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError>;

    /// The result of a job, if it has one.
    async fn result_data(&self, id: JobId) -> Result<Option<Value>, StoreError>;

    /// Jobs of the filter, newest first, up to `limit`, after the position. Jobs whose type or status this version does
    /// not know are left out.
    async fn jobs(&self, filter: &JobFilter, after: Option<Position>, limit: u32)
    -> Result<Vec<StoredJob>, StoreError>;

    /// Up to `limit` events of the subject after the cursor, in order.
    async fn events_after(&self, subject: Subject, cursor: Seq, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Up to `limit` events of each subject after its cursor, in order; subjects without any are left out.
    async fn news(&self, after: &[(Subject, Seq)], limit: u32) -> Result<Vec<(Subject, Vec<Event>)>, StoreError>;

    /// Where the stream of a brand has come to; one without events is at 0.
    async fn brand_stream(&self, brand_id: BrandId) -> Result<BrandStream, StoreError>;

    /// The stored output of a step, if the step has finished.
    async fn step_output(&self, id: JobId, name: &str) -> Result<Option<Value>, StoreError>;

    /// How long the stored steps of the latest `limit` completed jobs of this type took.
    async fn recent_steps(&self, job_type: JobType, limit: u32) -> Result<Vec<StepDuration>, StoreError>;

    /// The latest `limit` rows of the brand in this table, newest first, as objects by column with `id` (text) and
    /// without the large documents. Columns that are not listed for the table may be there.
    async fn latest_rows(&self, table: ResultTable, brand_id: BrandId, limit: u32) -> Result<Vec<Value>, StoreError>;

    /// The row of the origin application's `brands`, as an object; nothing where there is no such table or row.
    async fn brand(&self, brand_id: BrandId) -> Result<Option<Value>, StoreError>;

    /// Removes `delta` events of jobs that have been terminal since before `deltas_before`, and all but the last event
    /// of jobs terminal since before `events_before` (setting `pruned_through`). Deals with at most a few hundred jobs
    /// that have such events; answers how many events were removed: call again until that is 0.
    async fn prune(&self, deltas_before: DateTime<Utc>, events_before: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Takes up to `claim.limit` due calls to webhooks, the oldest due first, for their next try.
    ///
    /// A call that is not settled within the claim's lease is due again, with another sender or the same.
    async fn claim_webhooks(&self, claim: &WebhookClaim) -> Result<Vec<ClaimedWebhook>, StoreError>;

    /// Writes what became of a try, unless another one has begun meanwhile.
    async fn settle_webhook(&self, webhook: &ClaimedWebhook, outcome: &WebhookOutcome) -> Result<(), StoreError>;

    /// How many jobs of this service wait and run, and since when the oldest could have been claimed.
    async fn queue(&self) -> Result<Queue, StoreError>;

    /// How many batches took several statements that one statement might have written.
    fn detours(&self) -> u64 {
        0
    }

    /// Whether other instances may work on the same database.
    fn is_shared(&self) -> bool {
        false
    }

    /// Tells the other instances that these jobs have changed, or with none that this one is alive. An announcement may
    /// be lost on its way.
    async fn announce(&self, changed: &[(BrandId, JobId)]) -> Result<(), StoreError> {
        let _ = changed;
        Ok(())
    }

    /// What other instances announce, for as long as it is read; it begins to listen when it is first polled.
    fn notices(&self) -> BoxStream<'static, Notice> {
        stream::pending().boxed()
    }

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Closes all connections; what is committed stays.
    async fn close(&self);
}

/// Which part of all that is to be written a write belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// One batch of each number may be under way.
    pub number: usize,
    /// The brand whose writes are not to be in two batches at once, where that is known and of account.
    pub brand_id: Option<BrandId>,
}

/// What a store needs to know besides the address.
#[derive(Debug, Clone, Copy)]
pub struct StoreSettings {
    /// How long a claim or a heartbeat holds a job.
    pub lease: Duration,
    /// How many jobs may wait; a create beyond it is refused with [`Refusal::QueueFull`].
    pub max_queued_jobs: u64,
    /// Whether an SQLite file that another process works on is refused. A server asks for it; who only reads need not.
    pub alone: bool,
}

/// Opens the store that the URL names (`sqlite://…` or `postgres://…`, `postgresql://…`) and migrates it.
///
/// `direct_url` is used for migrations on PostgreSQL, which take an advisory lock and cannot go through a transaction
/// pooler.
///
/// # Errors
/// [`StoreError`] in words that name the address without its password.
pub async fn open(url: &str, direct_url: &str, settings: StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match Kind::of(url)? {
        Kind::Sqlite => Arc::new(SqliteStore::open(url, settings).await?),
        Kind::Postgres => Arc::new(PostgresStore::open(url, direct_url, settings).await?),
    })
}

/// A job with its input, which no write changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// The job.
    pub job: Job,
    /// Its input.
    pub input_data: Value,
    /// How its webhook stands, where it has one.
    pub webhook: Option<WebhookState>,
}

impl StoredJob {
    /// A job whose webhook, if it has one, has not been called yet as far as is known.
    fn new(job: Job, input_data: Value) -> StoredJob {
        let webhook = job.webhook_url.clone().map(WebhookState::before_the_end);
        StoredJob { job, input_data, webhook }
    }

    /// The event whose delivery says how the job's webhook stands; none while the job is not over.
    fn awaited_delivery(&self) -> Option<(Uuid, Seq)> {
        let over = self.webhook.is_some() && self.job.status.is_terminal();
        over.then_some((self.job.id.0, self.job.last_seq))
    }

    /// Takes the job's delivery out of those that were found.
    fn set_delivery(&mut self, found: &mut HashMap<JobId, DeliveryRow>) {
        if let (Some(delivery), Some(url)) = (found.remove(&self.job.id), &self.job.webhook_url) {
            self.webhook = Some(delivery.state(url.clone()));
        }
    }
}

/// Where the stream of a brand has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrandStream {
    /// The position of its latest event.
    pub last_seq: Seq,
    /// History up to this position is not whole any more: retention has removed some of it.
    pub pruned_through: Seq,
}

/// What waits and runs, over all instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that wait: for a worker, or for the time of their next attempt.
    pub pending: u64,
    /// Jobs under way.
    pub processing: u64,
    /// For how long the oldest job that could be claimed has been waiting; zero where none could be.
    pub waiting: Duration,
}

impl Queue {
    fn new(pending: i64, processing: i64, waiting_seconds: f64) -> Queue {
        let waiting = Duration::try_from_secs_f64(waiting_seconds.max(0.0)).unwrap_or_default();
        Queue { pending: pending.unsigned_abs(), processing: processing.unsigned_abs(), waiting }
    }
}

/// News of other instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// These jobs of a brand have changed.
    Changed {
        /// The brand.
        brand_id: BrandId,
        /// The jobs.
        job_ids: Vec<JobId>,
    },
    /// Announcements are heard from now on; what was announced before is not known.
    Listening,
    /// Announcements are not heard until further notice.
    Deaf,
}

/// How long one stored step of one job took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members are the step's
pub struct StepDuration {
    pub job_id: JobId,
    pub name: String,
    pub took: Duration,
}

impl StepDuration {
    fn new(job_id: Uuid, name: String, took_ms: i64) -> StepDuration {
        StepDuration { job_id: JobId(job_id), name, took: Duration::from_millis(took_ms.unsigned_abs()) }
    }
}

/// A write that is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The job after the write. For a create whose key the brand has used before, the job of that first start.
    pub job: Job,
    /// The events that the write appended.
    pub events: Vec<Event>,
    /// The write had been durable before this commit, which a first try with a lost answer brings about; `events` is
    /// empty then although readers may not have been told of them.
    pub again: bool,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Claim {
    /// How many jobs at the most.
    pub limit: u32,
    /// How many jobs of one brand may be under way at once, over all instances.
    pub max_jobs_per_brand: u32,
    /// The types that this instance can run.
    pub job_types: Vec<JobType>,
}

/// A job that this instance holds now.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The job, processing, with its new attempt number.
    pub job: Job,
    /// Its input.
    pub input_data: Value,
    /// The `started` event that the claim appended.
    pub event: Event,
}

/// Which jobs a list shows; an absent member does not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the members are the job's
pub struct JobFilter {
    pub id: Option<JobId>,
    pub brand_id: Option<BrandId>,
    /// Of one of these brands; besides `brand_id`, which may be none of them.
    pub brands: Option<Vec<BrandId>>,
    pub status: Option<JobStatus>,
    pub job_type: Option<JobType>,
}

impl JobFilter {
    /// The brands to show, unless it is all of them: the one that is asked for, if it is among those that may be shown.
    fn brand_ids(&self) -> Option<Vec<Uuid>> {
        let may_show = |id: &BrandId| self.brands.as_ref().is_none_or(|brands| brands.contains(id));
        match (self.brand_id, &self.brands) {
            (Some(id), _) => Some(Some(id).into_iter().filter(may_show).map(|id| id.0).collect()),
            (None, brands) => brands.as_ref().map(|brands| brands.iter().map(|id| id.0).collect()),
        }
    }

    /// The types to show; never one that this version does not know.
    fn job_type_names(&self) -> Vec<&'static str> {
        let wanted = |one: &JobType| self.job_type.is_none_or(|job_type| job_type == *one);
        JobType::ALL.into_iter().filter(wanted).map(JobType::as_str).collect()
    }

    /// The statuses to show; never one that this version does not know.
    fn status_names(&self) -> Vec<&'static str> {
        let wanted = |one: &JobStatus| self.status.is_none_or(|status| status == *one);
        JobStatus::ALL.into_iter().filter(wanted).map(JobStatus::as_str).collect()
    }
}

/// A place in the list of jobs, newest first: after the job with this creation time and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the members are the job's
pub struct Position {
    pub created_at: DateTime<Utc>,
    pub id: JobId,
}

/// The present, as exactly as both databases keep it.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is restarting, is full, or two transactions got in each other's way: try again.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// It refused, and would again.
    #[error("the database refused: {0}")]
    Rejected(String),
}

impl StoreError {
    /// The same with what it is about in front.
    fn about(self, subject: &str) -> StoreError {
        match self {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{subject}: {why}")),
            StoreError::Rejected(why) => StoreError::Rejected(format!("{subject}: {why}")),
        }
    }
}
