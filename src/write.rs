//! What may be written to a job, and what each write does to it: the rules of the state machine, free of storage.
//! Must not do I/O; a store locks the job, asks here what happens, and makes that durable.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::event::{Event, EventDetail, instant};
use crate::job::{Attempt, Job, JobId, JobStatus, NewJob};

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
    /// The rows to save, in the origin application's tables.
    pub rows: Vec<ResultRow>,
}

/// A row for one of the origin application's tables.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultRow {
    /// A row of `brand_intelligence`.
    BrandIntelligence(Box<BrandIntelligenceRow>),
}

/// A row of `brand_intelligence`; lists and objects are JSON.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the columns are the origin application's and carry its names
pub struct BrandIntelligenceRow {
    pub id: Uuid,
    pub brand_name: Option<String>,
    pub tagline: Option<String>,
    pub mission: Option<String>,
    pub vision: Option<String>,
    pub values: Value,
    pub brand_tone: Option<String>,
    pub brand_voice: Value,
    pub messaging_themes: Value,
    pub industry: Option<String>,
    pub target_market: Option<String>,
    pub unique_value_proposition: Option<String>,
    pub key_messages: Value,
    pub content_themes: Value,
    pub pages_analyzed: i32,
    /// 0 to 1.
    pub analysis_confidence: f64,
    pub raw_analysis: Value,
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
    /// The origin application's database has no such brand.
    #[error("there is no brand with this id")]
    UnknownBrand,
}

impl NewJob {
    /// The job as it is when it has just been created, with its first event.
    pub fn create(&self, id: JobId, now: DateTime<Utc>) -> (Job, Effects) {
        let mut job = Job {
            id,
            brand_id: self.brand_id,
            job_type: self.job_type,
            status: JobStatus::Pending,
            progress: 0,
            current_step: QUEUED.to_owned(),
            step: 0,
            total_steps: self.total_steps,
            retry_count: 0,
            max_retries: self.max_retries,
            attempt: 0,
            last_seq: 0,
            pruned_through: 0,
            created_at: now,
            started_at: None,
            completed_at: None,
            result_id: None,
            error_message: None,
            error_code: None,
        };
        let event = record(&mut job, now, EventDetail::Queued {});
        (job, Effects { events: vec![event], ..Effects::default() })
    }
}

const QUEUED: &str = "Queued";

/// Begins the next attempt of a pending job: the store has made sure that nobody else holds it.
///
/// # Errors
/// [`Refusal::WrongState`] unless the job is pending.
pub fn claim(job: &mut Job, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    become_status(job, JobStatus::Processing)?;
    job.attempt += 1;
    job.started_at.get_or_insert(now);
    job.progress = 0;
    job.step = 0;
    job.current_step = "Starting".to_owned();
    let event = record(job, now, EventDetail::Started {});
    Ok(Effects { events: vec![event], lease: LeaseChange::Extend, delay: None })
}

/// Applies an action to an existing job. `lease_expired` says whether its current lease ran out by the database's clock.
///
/// # Errors
/// A [`Refusal`]; the job is then unchanged.
pub fn apply(job: &mut Job, lease_expired: bool, action: &Action, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    match action {
        // A job of this id is there already: the create was applied before, by a commit whose answer was lost.
        Action::Create(_) => Ok(Effects::default()),
        Action::Cancel => cancel(job, now),
        Action::Retry => requeue(job, now),
        Action::Attempt(attempt, report) => {
            if job.status != JobStatus::Processing || job.attempt != *attempt {
                return Err(Refusal::Fenced { attempt: *attempt });
            }
            report_of_attempt(job, report, now)
        }
        Action::Reclaim(attempt) => {
            if job.status != JobStatus::Processing || job.attempt != *attempt {
                return Err(Refusal::Fenced { attempt: *attempt });
            }
            if !lease_expired {
                return Err(Refusal::LeaseHeld { attempt: *attempt });
            }
            retry_or_fail(job, &worker_lost(), Duration::ZERO, now)
        }
    }
}

fn worker_lost() -> Failure {
    Failure { message: "The worker stopped responding".to_owned(), code: "worker_lost".to_owned() }
}

fn cancel(job: &mut Job, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    if job.status == JobStatus::Cancelled {
        return Ok(Effects::default());
    }
    become_status(job, JobStatus::Cancelled)?;
    job.completed_at = Some(now);
    let event = record(job, now, EventDetail::Cancelled {});
    Ok(Effects { events: vec![event], lease: LeaseChange::Clear, delay: None })
}

fn requeue(job: &mut Job, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    if !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
        return Err(Refusal::WrongState { status: job.status });
    }
    become_status(job, JobStatus::Pending)?;
    job.retry_count = 0;
    job.progress = 0;
    job.step = 0;
    job.current_step = QUEUED.to_owned();
    job.started_at = None;
    job.completed_at = None;
    job.error_message = None;
    job.error_code = None;
    let event = record(job, now, EventDetail::Queued {});
    Ok(Effects { events: vec![event], lease: LeaseChange::Clear, delay: Some(Duration::ZERO) })
}

fn report_of_attempt(job: &mut Job, report: &Report, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    match report {
        Report::Progress(progress) => {
            job.step = progress.step.clamp(1, job.total_steps.max(1));
            job.progress = job.progress.max(progress.percent.min(100));
            job.current_step = format!("Step {}/{}: {}", job.step, job.total_steps, progress.text);
            let event = record(job, now, EventDetail::Progress { detail: progress.detail.clone() });
            Ok(Effects { events: vec![event], lease: LeaseChange::Extend, delay: None })
        }
        Report::Delta(text) => {
            let event = record(job, now, EventDetail::Delta { text: text.clone() });
            Ok(Effects { events: vec![event], lease: LeaseChange::Extend, delay: None })
        }
        Report::StepOutput { .. } => Ok(Effects { lease: LeaseChange::Extend, ..Effects::default() }),
        Report::Complete(result) => complete(job, result, now),
        Report::Retry(failure, delay) => retry_or_fail(job, failure, *delay, now),
        Report::Fail(failure) => fail(job, failure, now),
        Report::Release => {
            let reason = "The server that ran the job is stopping; the job goes on at once";
            back_to_queue(job, reason, Duration::ZERO, now)
        }
    }
}

fn complete(job: &mut Job, result: &JobResult, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    become_status(job, JobStatus::Completed)?;
    job.progress = 100;
    job.step = job.total_steps;
    job.current_step = "Complete".to_owned();
    job.completed_at = Some(now);
    job.result_id = Some(result.result_id);
    job.error_message = None;
    job.error_code = None;
    let result_url = format!("/api/jobs/{}/result", job.id);
    let event = record(job, now, EventDetail::Completed { result_id: result.result_id, result_url });
    Ok(Effects { events: vec![event], lease: LeaseChange::Clear, delay: None })
}

fn retry_or_fail(job: &mut Job, failure: &Failure, delay: Duration, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    if job.retry_count >= job.max_retries {
        return fail(job, failure, now);
    }
    job.retry_count += 1;
    job.error_message = Some(failure.message.clone());
    job.error_code = Some(failure.code.clone());
    back_to_queue(job, &failure.message, delay, now)
}

fn back_to_queue(job: &mut Job, error: &str, delay: Duration, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    become_status(job, JobStatus::Pending)?;
    let next_attempt_at = instant(now + delay);
    let event = record(job, now, EventDetail::Retrying { error: error.to_owned(), next_attempt_at });
    Ok(Effects { events: vec![event], lease: LeaseChange::Clear, delay: Some(delay) })
}

fn fail(job: &mut Job, failure: &Failure, now: DateTime<Utc>) -> Result<Effects, Refusal> {
    become_status(job, JobStatus::Failed)?;
    job.completed_at = Some(now);
    job.error_message = Some(failure.message.clone());
    job.error_code = Some(failure.code.clone());
    let detail = EventDetail::Failed { error_message: failure.message.clone(), code: failure.code.clone() };
    let event = record(job, now, detail);
    Ok(Effects { events: vec![event], lease: LeaseChange::Clear, delay: None })
}

fn become_status(job: &mut Job, next: JobStatus) -> Result<(), Refusal> {
    if !job.status.may_become(next) {
        return Err(Refusal::WrongState { status: job.status });
    }
    job.status = next;
    Ok(())
}

fn record(job: &mut Job, now: DateTime<Utc>, detail: EventDetail) -> Event {
    job.last_seq += 1;
    Event::new(job, now, &detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::EventName;
    use crate::job::{BrandId, JobType};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn pending() -> Job {
        let new = NewJob {
            brand_id: BrandId(Uuid::nil()),
            job_type: JobType::BrandIntelligence,
            input_data: json!({}),
            total_steps: 3,
            max_retries: 1,
        };
        new.create(JobId::new(), NOW).0
    }

    fn processing() -> Job {
        let mut job = pending();
        claim(&mut job, NOW).unwrap();
        job
    }

    fn write(job: &mut Job, report: Report) -> Result<Effects, Refusal> {
        let attempt = job.attempt;
        apply(job, false, &Action::Attempt(attempt, report), NOW)
    }

    fn names(effects: &Effects) -> Vec<EventName> {
        effects.events.iter().map(|event| event.name).collect()
    }

    fn progress(step: u32, percent: u8) -> Report {
        Report::Progress(Progress { step, percent, text: "Analyzing".to_owned(), detail: json!({}) })
    }

    fn failure() -> Failure {
        Failure { message: "no".to_owned(), code: "no".to_owned() }
    }

    #[test]
    fn progress_names_the_step_and_never_goes_down() {
        let mut job = processing();
        write(&mut job, progress(1, 45)).unwrap();
        write(&mut job, progress(1, 20)).unwrap();
        assert_eq!((job.progress, job.current_step.as_str()), (45, "Step 1/3: Analyzing"));
        assert_eq!(job.last_seq, 4);
    }

    #[test]
    fn only_the_latest_attempt_of_a_running_job_may_write() {
        let mut job = processing();
        write(&mut job, Report::Retry(failure(), Duration::ZERO)).unwrap();
        claim(&mut job, NOW).unwrap();
        let before = job.clone();
        let stale = apply(&mut job, false, &Action::Attempt(1, progress(1, 50)), NOW);
        assert_eq!(stale, Err(Refusal::Fenced { attempt: 1 }));
        assert_eq!(job, before);
        apply(&mut job, false, &Action::Cancel, NOW).unwrap();
        assert_eq!(write(&mut job, Report::Fail(failure())), Err(Refusal::Fenced { attempt: 2 }));
    }

    #[test]
    fn retries_end() {
        let mut job = processing();
        let first = write(&mut job, Report::Retry(failure(), Duration::from_secs(7))).unwrap();
        assert_eq!((names(&first), first.delay), (vec![EventName::Retrying], Some(Duration::from_secs(7))));
        assert_eq!((job.status, job.retry_count), (JobStatus::Pending, 1));
        claim(&mut job, NOW).unwrap();
        let last = write(&mut job, Report::Retry(failure(), Duration::ZERO)).unwrap();
        assert_eq!((names(&last), job.status), (vec![EventName::Failed], JobStatus::Failed));
    }

    #[test]
    fn a_release_uses_up_no_retry() {
        let mut job = processing();
        let released = write(&mut job, Report::Release).unwrap();
        assert_eq!(
            (names(&released), job.retry_count, released.lease),
            (vec![EventName::Retrying], 0, LeaseChange::Clear)
        );
    }

    #[test]
    fn only_an_expired_lease_is_reclaimed() {
        let mut job = processing();
        assert_eq!(apply(&mut job, false, &Action::Reclaim(1), NOW), Err(Refusal::LeaseHeld { attempt: 1 }));
        assert_eq!(apply(&mut job, true, &Action::Reclaim(2), NOW), Err(Refusal::Fenced { attempt: 2 }));
        assert_eq!(names(&apply(&mut job, true, &Action::Reclaim(1), NOW).unwrap()), [EventName::Retrying]);
    }

    #[test]
    fn cancel_is_idempotent_and_final_until_a_retry() {
        let mut job = processing();
        assert_eq!(names(&apply(&mut job, false, &Action::Cancel, NOW).unwrap()), [EventName::Cancelled]);
        assert_eq!(apply(&mut job, false, &Action::Cancel, NOW), Ok(Effects::default()));
        assert_eq!(names(&apply(&mut job, false, &Action::Retry, NOW).unwrap()), [EventName::Queued]);
        assert_eq!((job.status, job.attempt, job.completed_at), (JobStatus::Pending, 1, None));
        assert_eq!(
            apply(&mut job, false, &Action::Retry, NOW),
            Err(Refusal::WrongState { status: JobStatus::Pending })
        );
    }
}
