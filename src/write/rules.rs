//! What each write does to a job: the rules of the state machine, over fields alone.
//! Must not do I/O, and must leave the job as it was when it refuses.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Action, Effects, Failure, JobResult, LeaseChange, Refusal, Report};
use crate::event::{Event, EventDetail, instant};
use crate::job::{Job, JobId, JobStatus, NewJob};

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
            step_started_at: None,
            retry_count: 0,
            max_retries: self.max_retries,
            attempt: 0,
            last_seq: 0,
            pruned_through: 0,
            created_at: now,
            estimated_duration: self.estimated_duration,
            started_at: None,
            completed_at: None,
            result_id: None,
            error_message: None,
            error_code: None,
            webhook_url: self.webhook_url.clone(),
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
    job.step_started_at = Some(now);
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
        // Without a single event: written by the origin application, which runs it, too, and would not notice.
        Action::Cancel | Action::Retry if job.last_seq == 0 => Err(Refusal::NotOurs),
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
    job.step_started_at = None;
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
            let step = progress.step.clamp(1, job.total_steps.max(1));
            if step != job.step {
                job.step = step;
                job.step_started_at = Some(now);
            }
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
    let (result_id, usage) = (result.result_id, result.usage.clone());
    let event = record(job, now, EventDetail::Completed { result_id, result_url, usage });
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
    use uuid::Uuid;

    use super::super::Progress;
    use super::*;
    use crate::event::EventName;
    use crate::job::BrandId;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn pending() -> Job {
        let new = NewJob { max_retries: 1, ..NewJob::of(BrandId(Uuid::nil())) };
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
    fn a_job_of_the_origin_application_is_left_to_it() {
        for status in [JobStatus::Pending, JobStatus::Processing, JobStatus::Failed, JobStatus::Cancelled] {
            let mut job = Job { status, last_seq: 0, ..pending() };
            let before = job.clone();
            for action in [Action::Cancel, Action::Retry] {
                assert_eq!(apply(&mut job, false, &action, NOW), Err(Refusal::NotOurs), "{action:?} while {status}");
            }
            assert_eq!(job, before);
        }
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
