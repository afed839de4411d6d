//! What a pipeline sees of its job: it emits progress and text, and runs steps whose output is kept.
//! Must not show anything that is not durable, and must not let an attempt write that no longer holds the job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::AttemptError;
use crate::event_log::{AppendError, EventLog};
use crate::job::{Attempt, BrandId, JobId};
use crate::store::{Store, StoreError};
use crate::write::{Action, Failure, Progress, Report, Write};

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
    event_log: EventLog,
    store: Arc<dyn Store>,
}

impl Context {
    /// The view of this attempt.
    pub fn new(
        job_id: JobId,
        brand_id: BrandId,
        attempt: Attempt,
        event_log: EventLog,
        store: Arc<dyn Store>,
    ) -> Context {
        Context { job_id, brand_id, attempt, event_log, store }
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
        let output = work.await?;
        self.report(Report::StepOutput { name: name.to_owned(), output: output.clone() }).await?;
        Ok(output)
    }

    /// Makes a report of this attempt durable, then visible.
    pub async fn report(&self, report: Report) -> Result<(), AttemptError> {
        let action = Action::Attempt(self.attempt, report);
        let appended = self.event_log.append(Write { job_id: self.job_id, action }, PATIENCE).await;
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

    async fn stored_output(&self, name: &str) -> Result<Option<Value>, AttemptError> {
        let tries = PATIENCE.as_secs() / READ_PAUSE.as_secs();
        for _ in 0..tries {
            match self.store.step_output(self.job_id, name).await {
                Ok(output) => return Ok(output),
                Err(error) => {
                    tracing::warn!(%error, job_id = %self.job_id, step = name, "could not look for a stored step")
                }
            }
            tokio::time::sleep(READ_PAUSE).await;
        }
        Err(AttemptError::StoreUnavailable)
    }
}
