//! The worker: claims due jobs as long as there is room, runs an attempt of each, and writes how it ended.
//! Must not hold a transaction or a row lock while a pipeline runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::lease::HeldLease;
use super::{Shared, backoff};
use crate::meter::{self, AttemptUnderWay};
use crate::pipeline::{AttemptError, Context, Pipeline};
use crate::store::{Claim, Claimed};
use crate::write::{Failure, JobResult, Report};

/// The pause between looks at the queue when nothing wakes the worker; jobs that wait for a retry or that another
/// process queued are found by it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a claim waits for the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an attempt ended.
enum Outcome {
    Completed(Box<JobResult>),
    Failed(AttemptError),
    /// The process stops; the job is to go on elsewhere.
    Aborted,
    /// The job was cancelled or taken over; there is nothing to write.
    Lost,
}

impl Outcome {
    /// A word for the length of the attempt: of a small fixed set.
    fn as_str(&self) -> &'static str {
        match self {
            Outcome::Completed(_) => "completed",
            Outcome::Failed(AttemptError::Fatal(_)) => "failed",
            Outcome::Failed(AttemptError::Retryable(..)) => "retryable",
            Outcome::Failed(AttemptError::Superseded) | Outcome::Lost => "lost",
            Outcome::Failed(AttemptError::StoreUnavailable) => "unreported",
            Outcome::Aborted => "released",
        }
    }
}

/// Claims and runs jobs until the process drains.
pub(super) async fn claim_and_run(shared: Arc<Shared>, attempts: TaskTracker) {
    for pipeline in shared.registry.iter() {
        if let Some(variable) = pipeline.missing_key() {
            tracing::warn!(job_type = %pipeline.definition().job_type, "{variable} is not set: such jobs are refused, and those that wait go on waiting");
        }
    }
    while !shared.draining.is_cancelled() {
        let claiming = shared.held.claiming();
        let claimed = claim(&shared).await;
        let found = !claimed.is_empty();
        for claimed in claimed {
            let span = tracing::info_span!(
                "attempt",
                job_id = %claimed.job.id,
                attempt = claimed.job.attempt,
                job_type = %claimed.job.job_type
            );
            // Held before the task runs, so that the next claim counts it.
            let lease = shared.held.hold(claimed.job.id, claimed.job.attempt);
            attempts.spawn(run_attempt(shared.clone(), lease, claimed).instrument(span));
        }
        drop(claiming);
        if found {
            continue;
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shared.draining.cancelled() => {}
        }
    }
}

async fn claim(shared: &Shared) -> Vec<Claimed> {
    let under_way = u32::try_from(shared.held.len()).unwrap_or(u32::MAX);
    let limit = shared.settings.max_concurrent_jobs.saturating_sub(under_way);
    let job_types = shared.registry.iter().filter(|pipeline| pipeline.missing_key().is_none());
    let job_types: Vec<_> = job_types.map(|pipeline| pipeline.definition().job_type).collect();
    if limit == 0 || job_types.is_empty() {
        return Vec::new();
    }
    let claim = Claim { limit, max_jobs_per_brand: shared.settings.max_jobs_per_brand, job_types };
    match shared.event_log.claim(claim, PATIENCE).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "could not claim jobs");
            Vec::new()
        }
    }
}

async fn run_attempt(shared: Arc<Shared>, lease: HeldLease, claimed: Claimed) {
    tracing::info!(brand_id = %claimed.job.brand_id, "attempt begins");
    let (_running, began) = (AttemptUnderWay::begin(), Instant::now());
    let (retry_count, job_type) = (claimed.job.retry_count, claimed.job.job_type);
    let Some(pipeline) = shared.registry.get(job_type) else {
        return tracing::error!("a job was claimed that cannot run here; its lease runs out");
    };
    let (event_log, store) = (shared.event_log.clone(), shared.store.clone());
    let context = Context::new(&claimed.job, pipeline.definition(), event_log, store);
    let outcome = tokio::select! {
        biased;
        () = lease.lost() => Outcome::Lost,
        () = shared.aborting.cancelled() => Outcome::Aborted,
        outcome = run_pipeline(pipeline.as_ref(), &context, claimed) => outcome,
    };
    let word = outcome.as_str();
    write_outcome(&shared, &context, retry_count, outcome).await;
    meter::attempt_ended(job_type, word, began.elapsed());
    drop(lease);
    shared.wake.notify_one();
    shared.webhook_due.notify_one();
}

async fn run_pipeline(pipeline: &dyn Pipeline, context: &Context, claimed: Claimed) -> Outcome {
    let run = AssertUnwindSafe(pipeline.run(context, claimed.input_data)).catch_unwind();
    let time_limit = pipeline.definition().time_limit;
    match tokio::time::timeout(time_limit, run).await {
        Ok(Ok(Ok(result))) => Outcome::Completed(Box::new(result)),
        Ok(Ok(Err(error))) => Outcome::Failed(error),
        Ok(Err(_)) => {
            tracing::error!("the pipeline panicked");
            Outcome::Failed(AttemptError::Fatal(failure("The job failed for an internal reason", "internal")))
        }
        Err(_) => {
            let message = format!("The attempt took longer than {} seconds", time_limit.as_secs());
            Outcome::Failed(AttemptError::Retryable(failure(&message, "attempt_timeout"), None))
        }
    }
}

async fn write_outcome(shared: &Shared, context: &Context, retry_count: u32, outcome: Outcome) {
    let report = match outcome {
        Outcome::Completed(result) => Report::Complete(*result),
        Outcome::Failed(AttemptError::Fatal(failure)) => Report::Fail(failure),
        Outcome::Failed(AttemptError::Retryable(failure, asked_for)) => {
            let delay = backoff::delay(shared.settings.first_retry_delay, retry_count + 1, asked_for);
            Report::Retry(failure, delay)
        }
        Outcome::Aborted => Report::Release,
        Outcome::Lost | Outcome::Failed(AttemptError::Superseded) => return tracing::info!("attempt gave way"),
        Outcome::Failed(AttemptError::StoreUnavailable) => {
            return tracing::error!("attempt ends unreported: the database stayed away; its lease runs out");
        }
    };
    tracing::info!(outcome = report.name(), reason = reason(&report), "attempt ends");
    if let Err(AttemptError::Fatal(refused)) = context.report(report).await {
        // The result itself was refused; the job must end all the same.
        let _ = context.report(Report::Fail(refused)).await;
    }
}

fn reason(report: &Report) -> Option<&str> {
    match report {
        Report::Fail(failure) | Report::Retry(failure, _) => Some(&failure.message),
        _ => None,
    }
}

fn failure(message: &str, code: &str) -> Failure {
    Failure { message: message.to_owned(), code: code.to_owned() }
}
