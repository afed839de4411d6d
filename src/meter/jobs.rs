//! Counts what becomes of jobs and attempts, by type and by the class of a failure's reason.
//! Must not count what is not committed.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Counter, Gauge};

use super::{log, names, recorder};
use crate::event::{Event, EventName};
use crate::job::{Job, JobType};
use crate::write::{Action, Report};

struct Counts {
    /// By type.
    created: Vec<Counter>,
    completed: Vec<Counter>,
    cancelled: Vec<Counter>,
    requeued: Vec<Counter>,
    started: Vec<Counter>,
    /// By type, then by class.
    failed: Vec<Vec<Counter>>,
    retried: Vec<Vec<Counter>>,
    running: Gauge,
    /// By limit.
    starts_refused: Vec<Counter>,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    let by_type = |name: &'static str| {
        JobType::ALL.iter().map(|one| metrics::counter!(name, "job_type" => one.as_str())).collect::<Vec<_>>()
    };
    let by_class = |name: &'static str| {
        let of_type = |one: &JobType| {
            let job_type = one.as_str();
            Class::ALL
                .iter()
                .map(|class| metrics::counter!(name, "job_type" => job_type, "class" => class.as_str()))
                .collect()
        };
        JobType::ALL.iter().map(of_type).collect::<Vec<_>>()
    };
    let limit = |limit: &StartRefusal| metrics::counter!(names::STARTS_REFUSED, "limit" => limit.as_str());
    Counts {
        created: by_type(names::JOBS_CREATED),
        completed: by_type(names::JOBS_COMPLETED),
        cancelled: by_type(names::JOBS_CANCELLED),
        requeued: by_type(names::JOBS_REQUEUED),
        started: by_type(names::ATTEMPTS_STARTED),
        failed: by_class(names::JOBS_FAILED),
        retried: by_class(names::ATTEMPTS_RETRIED),
        running: metrics::gauge!(names::ATTEMPTS_RUNNING),
        starts_refused: StartRefusal::ALL.iter().map(limit).collect(),
    }
});

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

/// Counts the events that a write appended.
pub fn committed(job: &Job, action: &Action, events: &[Event]) {
    let (counts, job_type) = (&*COUNTS, job.job_type as usize);
    for event in events {
        log::appended(event.name);
        match event.name {
            EventName::Queued if event.seq == 1 => counts.created[job_type].increment(1),
            EventName::Queued => counts.requeued[job_type].increment(1),
            EventName::Retrying => counts.retried[job_type][Class::of(action) as usize].increment(1),
            EventName::Failed => counts.failed[job_type][Class::of(action) as usize].increment(1),
            EventName::Completed => counts.completed[job_type].increment(1),
            EventName::Cancelled => counts.cancelled[job_type].increment(1),
            EventName::Started | EventName::Progress | EventName::Delta => {}
        }
    }
}

/// Counts the attempt that a claim began.
pub fn claimed(job: &Job) {
    log::appended(EventName::Started);
    COUNTS.started[job.job_type as usize].increment(1);
}

/// Counts an attempt as running until it is dropped.
pub struct AttemptUnderWay(());

impl AttemptUnderWay {
    /// One more.
    pub fn begin() -> AttemptUnderWay {
        COUNTS.running.increment(1.0);
        AttemptUnderWay(())
    }
}

impl Drop for AttemptUnderWay {
    fn drop(&mut self) {
        COUNTS.running.decrement(1.0);
    }
}

/// Notes how long an attempt took; `outcome` is one of a small fixed set of words.
pub fn attempt_ended(job_type: JobType, outcome: &'static str, took: Duration) {
    let labels = [("job_type", job_type.as_str()), ("outcome", outcome)];
    metrics::histogram!(names::ATTEMPT_DURATION, &labels).record(took);
}

/// Notes how long a step took; `step` is the name of one of the type's steps.
pub fn step_took(job_type: JobType, step: &'static str, took: Duration) {
    let labels = [("job_type", job_type.as_str()), ("step", step)];
    metrics::histogram!(names::STEP_DURATION, &labels).record(took);
}

/// Counts a start or a user's retry that was refused with 429.
pub fn start_refused(limit: StartRefusal) {
    COUNTS.starts_refused[limit as usize].increment(1);
}

/// The limit that refused a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartRefusal {
    /// The brand has started too many jobs within a minute.
    BrandRate,
    /// As many jobs wait as may wait.
    QueueFull,
}

impl StartRefusal {
    const ALL: [StartRefusal; 2] = [StartRefusal::BrandRate, StartRefusal::QueueFull];

    fn as_str(self) -> &'static str {
        match self {
            StartRefusal::BrandRate => "brand_rate",
            StartRefusal::QueueFull => "queue_full",
        }
    }
}

/// The class of a failure's reason: a small fixed set, since each value is a time series of its own for each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Upstream,
    RateLimited,
    Timeout,
    InvalidAnswer,
    Account,
    Input,
    Database,
    WorkerLost,
    Released,
    Internal,
}

impl Class {
    const ALL: [Class; 10] = [
        Class::Upstream,
        Class::RateLimited,
        Class::Timeout,
        Class::InvalidAnswer,
        Class::Account,
        Class::Input,
        Class::Database,
        Class::WorkerLost,
        Class::Released,
        Class::Internal,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Class::Upstream => "upstream",
            Class::RateLimited => "rate_limited",
            Class::Timeout => "timeout",
            Class::InvalidAnswer => "invalid_answer",
            Class::Account => "account",
            Class::Input => "input",
            Class::Database => "database",
            Class::WorkerLost => "worker_lost",
            Class::Released => "released",
            Class::Internal => "internal",
        }
    }

    /// Why the attempt that this write ends did not produce a result.
    fn of(action: &Action) -> Class {
        match action {
            Action::Reclaim(_) => Class::WorkerLost,
            Action::Attempt(_, Report::Release) => Class::Released,
            Action::Attempt(_, Report::Fail(failure) | Report::Retry(failure, _)) => Class::of_code(&failure.code),
            _ => Class::Internal,
        }
    }

    /// Codes that are not known here are the upstreams' own.
    fn of_code(code: &str) -> Class {
        match code {
            "rate_limited" | "rate_limit_exceeded" | "rate_limit_error" | "overloaded_error" => Class::RateLimited,
            "upstream_timeout" | "timeout" | "timeout_error" | "attempt_timeout" => Class::Timeout,
            "invalid_answer"
            | "invalid_stream"
            | "unexpected_content_type"
            | "unexpected_stop"
            | "no_data"
            | "answer_too_large"
            | "stream_ended_early"
            | "refused" => Class::InvalidAnswer,
            "missing_key"
            | "invalid_key"
            | "authentication_error"
            | "permission_error"
            | "billing_error"
            | "no_credits"
            | "spend_limit_reached"
            | "enforced_spend_limit_reached" => Class::Account,
            "needs_brand_intelligence" | "no_ads" | "no_ads_in_range" | "nothing_known" => Class::Input,
            "database_refused" => Class::Database,
            "internal" | "unreadable" | "client_setup" => Class::Internal,
            _ => Class::Upstream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Failure;

    #[test]
    fn each_value_stands_at_its_own_place() {
        for (place, job_type) in JobType::ALL.into_iter().enumerate() {
            assert_eq!(job_type as usize, place);
        }
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, place);
        }
        for (place, limit) in StartRefusal::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
        }
    }

    #[test]
    fn a_reason_is_classed_by_who_can_do_something_about_it() {
        let failed =
            |code: &str| Action::Attempt(1, Report::Fail(Failure { message: String::new(), code: code.to_owned() }));
        assert_eq!(Class::of(&failed("no_credits")), Class::Account);
        assert_eq!(Class::of(&failed("needs_brand_intelligence")), Class::Input);
        assert_eq!(Class::of(&failed("a code of the upstream's own")), Class::Upstream);
        assert_eq!(Class::of(&Action::Reclaim(1)), Class::WorkerLost);
        assert_eq!(Class::of(&Action::Attempt(1, Report::Release)), Class::Released);
    }
}
