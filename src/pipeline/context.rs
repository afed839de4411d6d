//! What a pipeline sees of its job: it emits progress and text, and runs steps whose output is kept.
//! Must not show anything that is not durable, and must not let an attempt write that no longer holds the job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{AttemptError, Definition};
use crate::event_log::{AppendError, EventLog};
use crate::job::{Attempt, BrandId, Job, JobId};
use crate::meter;
use crate::store::{Committed, Store, StoreError};
use crate::write::{Action, Failure, Progress, Report, ResultTable, Write};

/// How long an attempt waits for a database that does not answer, at each write, before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between tries to read from a database that does not answer.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// One attempt's view of its job.
pub struct Context {
    /// The job.
    pub job_id: JobId,
    /// The brand that the job is for.
    pub brand_id: BrandId,
    attempt: Attempt,
    definition: &'static Definition,
    event_log: EventLog,
    store: Arc<dyn Store>,
}

impl Context {
    /// The view of this attempt of a job of the defined type.
    pub fn new(job: &Job, definition: &'static Definition, event_log: EventLog, store: Arc<dyn Store>) -> Context {
        Context { job_id: job.id, brand_id: job.brand_id, attempt: job.attempt, definition, event_log, store }
    }

    /// Emits that step `step` (from 1) is at `percent` of the whole job.
    pub async fn progress(&self, step: u32, percent: u8, text: impl Into<String>) -> Result<(), AttemptError> {
        self.progress_with(step, percent, text, json!({})).await
    }

    /// Emits progress with what the upstream said, an object.
    pub async fn progress_with(
        &self,
        step: u32,
        percent: u8,
        text: impl Into<String>,
        detail: Value,
    ) -> Result<(), AttemptError> {
        self.report(Report::Progress(Progress { step, percent, text: text.into(), detail })).await
    }

    /// Emits a piece of model output.
    pub async fn delta(&self, text: String) -> Result<(), AttemptError> {
        if text.is_empty() {
            return Ok(());
        }
        self.report(Report::Delta(text)).await
    }

    /// Runs a step, or answers its stored output if an earlier attempt finished it. The output is stored before the
    /// step counts as finished, so that paid work is never paid twice.
    pub async fn step(
        &self,
        name: &str,
        work: impl Future<Output = Result<Value, AttemptError>> + Send,
    ) -> Result<Value, AttemptError> {
        if let Some(output) = self.stored_output(name).await? {
            tracing::info!(step = name, "step was finished before");
            return Ok(output);
        }
        let began = Instant::now();
        let output = work.await?;
        self.keep(name, &output, began).await?;
        // An output that is not the step's own has a name that begins with the step's.
        if let Some(step) = self.definition.steps.iter().find(|step| name.starts_with(step.name)) {
            meter::step_took(self.definition.job_type, step.name, began.elapsed());
        }
        Ok(output)
    }

    /// Stores something that a step has learnt and that was paid for, before the step can finish.
    pub(super) async fn keep(&self, name: &str, output: &Value, began: Instant) -> Result<(), AttemptError> {
        self.report(Report::StepOutput { name: name.to_owned(), output: output.clone(), took: began.elapsed() }).await
    }

    /// The latest rows of the brand, newest first; see [`Store::latest_rows`].
    pub async fn latest_rows(&self, table: ResultTable, limit: u32) -> Result<Vec<Value>, AttemptError> {
        self.read(table.as_str(), || self.store.latest_rows(table, self.brand_id, limit)).await
    }

    /// The origin application's row of the brand; see [`Store::brand`].
    pub async fn brand(&self) -> Result<Option<Value>, AttemptError> {
        self.read("brands", || self.store.brand(self.brand_id)).await
    }

    /// Makes a report of this attempt durable, then visible.
    pub async fn report(&self, report: Report) -> Result<(), AttemptError> {
        self.report_all(vec![report]).await
    }

    /// The same for several in their order, together: what an upstream says at once waits for the disk once.
    pub async fn report_all(&self, reports: Vec<Report>) -> Result<(), AttemptError> {
        let write = |report| Write { job_id: self.job_id, action: Action::Attempt(self.attempt, report) };
        let appended = self.event_log.append_all(reports.into_iter().map(write).collect(), PATIENCE).await;
        appended.into_iter().try_for_each(|appended| self.taken(appended))
    }

    fn taken(&self, appended: Result<Committed, AppendError>) -> Result<(), AttemptError> {
        match appended {
            Ok(_) => Ok(()),
            Err(AppendError::Refused(refusal)) => {
                tracing::info!(%refusal, "the attempt may not write");
                Err(AttemptError::Superseded)
            }
            Err(AppendError::Store(StoreError::Unavailable(_))) => Err(AttemptError::StoreUnavailable),
            Err(AppendError::Store(StoreError::Rejected(_))) => Err(AttemptError::Fatal(Failure {
                message: "The database refused what the job produced".to_owned(),
                code: "database_refused".to_owned(),
            })),
        }
    }

    /// What an earlier attempt stored under this name.
    pub(super) async fn stored_output(&self, name: &str) -> Result<Option<Value>, AttemptError> {
        self.read(name, || self.store.step_output(self.job_id, name)).await
    }

    /// Asks the store until it answers, within the attempt's patience. What the database refuses, it would refuse again.
    async fn read<T, F>(&self, what: &str, ask: impl Fn() -> F) -> Result<T, AttemptError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let tries = PATIENCE.as_secs() / READ_PAUSE.as_secs();
        for _ in 0..tries {
            match ask().await {
                Ok(found) => return Ok(found),
                Err(StoreError::Rejected(why)) => {
                    tracing::error!(why, job_id = %self.job_id, what, "the database refused to read");
                    return Err(AttemptError::fatal(
                        "database_refused",
                        "The database refused what the job had to read",
                    ));
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, job_id = %self.job_id, what, "could not read; trying again")
                }
            }
            tokio::time::sleep(READ_PAUSE).await;
        }
        Err(AttemptError::StoreUnavailable)
    }
}
