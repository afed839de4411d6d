//! What may be written to a job; `rules` says what each write does to it.
//! Must not do I/O: a store locks the job, asks here what happens, and makes that durable.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::event::Event;
use crate::job::{Attempt, JobId, JobStatus, NewJob};

mod result_row;
mod rules;
mod webhook;

pub use result_row::{Column, ColumnKind, ResultRow, ResultTable};
pub use rules::{apply, claim};
pub use webhook::{WebhookCall, webhook_body};

/// One change to one job. Either all of it is durable or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The job that it changes, or creates.
    pub job_id: JobId,
    /// What is to happen.
    pub action: Action,
}

/// What is to happen to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A client starts it.
    Create(NewJob),
    /// A client stops it.
    Cancel,
    /// A client puts it back in the queue.
    Retry,
    /// The attempt of this number says something; refused once another attempt has begun or the job is over.
    Attempt(Attempt, Report),
    /// The sweeper takes it from the attempt of this number; refused unless that attempt's lease has expired.
    Reclaim(Attempt),
}

impl Action {
    /// A word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Create(_) => "create",
            Action::Cancel => "cancel",
            Action::Retry => "retry",
            Action::Reclaim(_) => "reclaim",
            Action::Attempt(_, report) => report.name(),
        }
    }
}

/// What a running attempt says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A step began or moved.
    Progress(Progress),
    /// A piece of model output.
    Delta(String),
    /// The output of a step is there; the step is never executed again for this job.
    StepOutput {
        /// The step's name, unique within its job type.
        name: String,
        /// What it returned.
        output: Value,
        /// How long it took to get there.
        took: Duration,
    },
    /// The job is done: its rows, its result and its terminal event become durable together.
    Complete(JobResult),
    /// The attempt failed and another may follow after the delay, as long as retries are left.
    Retry(Failure, Duration),
    /// The attempt failed for good.
    Fail(Failure),
    /// The attempt is given up by a process that stops; another goes on at once and no retry is used up.
    Release,
}

impl Report {
    /// A word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Report::Progress(_) => "progress",
            Report::Delta(_) => "delta",
            Report::StepOutput { .. } => "step output",
            Report::Complete(_) => "complete",
            Report::Retry(..) => "retry",
            Report::Fail(_) => "fail",
            Report::Release => "release",
        }
    }
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The number of the step, from 1.
    pub step: u32,
    /// Percent of the whole job, 0 to 100.
    pub percent: u8,
    /// What is going on, without the `Step 1/3:` in front of it.
    pub text: String,
    /// What the upstream said; an object.
    pub detail: Value,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Words for a person.
    pub message: String,
    /// A stable word for a program.
    pub code: String,
}

/// What a job produced.
#[derive(Debug, Clone, PartialEq)]
pub struct JobResult {
    /// The id of the row, of the first one where there are several.
    pub result_id: Uuid,
    /// The full result.
    pub result_data: Value,
    /// What the job used of paid upstreams; shown with the terminal event.
    pub usage: Option<Value>,
    /// The rows to save, in the origin application's tables.
    pub rows: Vec<ResultRow>,
}

/// What happened to a job by a write, besides the change of its fields.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// The events to append, numbered.
    pub events: Vec<Event>,
    /// What becomes of the lease.
    pub lease: LeaseChange,
    /// How long a worker must wait before it claims the job, from now.
    pub delay: Option<Duration>,
}

/// What becomes of a job's lease.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum LeaseChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It lasts for another full lease from now.
    Extend,
    /// Nobody holds the job any more.
    Clear,
}

/// Why a write was not applied. Nothing of it is durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such job.
    #[error("there is no job with this id")]
    NotFound,
    /// Another attempt has begun, the lease was taken, or the job is over.
    #[error("attempt {attempt} no longer holds the job")]
    Fenced {
        /// The attempt that tried to write.
        attempt: Attempt,
    },
    /// The job's status does not allow it.
    #[error("the job is {status}")]
    WrongState {
        /// That status.
        status: JobStatus,
    },
    /// The origin application has created the job.
    #[error("the job belongs to the application that shares this database; change it there")]
    NotOurs,
    /// The lease of the attempt to be reclaimed has not expired.
    #[error("attempt {attempt} still holds its lease")]
    LeaseHeld {
        /// That attempt.
        attempt: Attempt,
    },
    /// As many jobs wait as may wait.
    #[error("as many jobs are waiting as may wait ({limit}); try again later")]
    QueueFull {
        /// The limit.
        limit: u64,
    },
    /// The brand has a job under this key that was started with something else.
    #[error("the Idempotency-Key was used for another request; use a new key for a new job")]
    KeyReused,
    /// The origin application's database has no such brand.
    #[error("there is no brand with this id")]
    UnknownBrand,
}
