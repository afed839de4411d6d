//! The model's rules are those in force: what its job does, a real job does by `jobcast::write`.
//! Must not run a model.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jobcast::event::EventName;
use jobcast::job::{BrandId, Job, JobId, JobStatus, JobType, NewJob};
use jobcast::write::{self, Action, Effects, Failure, JobResult, LeaseChange, Progress};
use serde_json::json;
use uuid::Uuid;

use crate::guards::Guards;
use crate::writing::{self, Event, Lease, Report, Status, Write};

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const LATEST_ATTEMPT: u8 = 2;

const STATUSES: [(Status, JobStatus); 5] = [
    (Status::Pending, JobStatus::Pending),
    (Status::Processing, JobStatus::Processing),
    (Status::Completed, JobStatus::Completed),
    (Status::Failed, JobStatus::Failed),
    (Status::Cancelled, JobStatus::Cancelled),
];

#[test]
fn every_write_does_to_every_job_what_it_does_in_the_model() {
    let mut refused = 0;
    for job in jobs() {
        for write in writes() {
            let (mut modelled, mut real) = (job, real(job));
            let event = modelled.apply(write, max_retries(), Guards::ALL);
            let effects = write::apply(&mut real, job.lease == Lease::Expired, &action(write), NOW);
            match (event, effects) {
                (Ok(event), Ok(effects)) => assert_same(job, write, modelled, event, &real, &effects),
                (Err(_), Err(_)) => refused += 1,
                differ => panic!("{write:?} on {job:?}: {differ:?}"),
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_claim_does_what_it_does_in_the_model() {
    let mut job = writing::Job::QUEUED;
    let mut real = real(job);
    let event = job.claim();
    let effects = write::claim(&mut real, NOW).unwrap();
    assert_same(writing::Job::QUEUED, Write::Retry, job, Some(event), &real, &effects);
}

fn assert_same(
    before: writing::Job,
    write: Write,
    modelled: writing::Job,
    event: Option<Event>,
    real: &Job,
    effects: &Effects,
) {
    let status = STATUSES.iter().find(|(_, status)| *status == real.status).unwrap().0;
    let lease = match effects.lease {
        LeaseChange::Keep => before.lease,
        LeaseChange::Extend => Lease::Held,
        LeaseChange::Clear => Lease::None,
    };
    let attempt = u8::try_from(real.attempt).unwrap();
    let retries = u8::try_from(real.retry_count).unwrap();
    assert_eq!(modelled, writing::Job { status, attempt, retries, lease }, "{write:?} on {before:?}");
    let names: Vec<EventName> = effects.events.iter().map(|event| event.name).collect();
    let expected: Vec<EventName> = event.into_iter().map(name).collect();
    assert_eq!(names, expected, "{write:?} on {before:?}");
}

/// Every row there can be, with no retry used and with the last one used.
fn jobs() -> impl Iterator<Item = writing::Job> {
    let statuses = STATUSES.into_iter().map(|(status, _)| status);
    statuses.flat_map(|status| {
        let leases: &[Lease] =
            if status == Status::Processing { &[Lease::Held, Lease::Expired] } else { &[Lease::None] };
        (0..=max_retries()).flat_map(move |retries| {
            leases.iter().map(move |lease| writing::Job { status, attempt: LATEST_ATTEMPT, retries, lease: *lease })
        })
    })
}

fn max_retries() -> u8 {
    1
}

fn writes() -> Vec<Write> {
    let mut writes = vec![Write::Cancel, Write::Retry];
    for attempt in 1..=LATEST_ATTEMPT {
        writes.push(Write::Reclaim(attempt));
        let reports = [Report::Progress, Report::StepOutput, Report::Complete, Report::Retry];
        writes.extend(reports.map(|report| Write::Attempt(attempt, report)));
    }
    writes
}

fn real(job: writing::Job) -> Job {
    let new = NewJob {
        brand_id: BrandId(Uuid::nil()),
        job_type: JobType::BrandIntelligence,
        input_data: json!({}),
        idempotency_key: None,
        webhook_url: None,
        estimated_duration: 90,
        total_steps: 3,
        max_retries: u32::from(max_retries()),
    };
    let status = STATUSES.iter().find(|(status, _)| *status == job.status).unwrap().1;
    let created = new.create(JobId::new(), NOW).0;
    Job { status, attempt: u32::from(job.attempt), retry_count: u32::from(job.retries), ..created }
}

fn action(write: Write) -> Action {
    match write {
        Write::Cancel => Action::Cancel,
        Write::Retry => Action::Retry,
        Write::Reclaim(attempt) => Action::Reclaim(u32::from(attempt)),
        Write::Attempt(attempt, report) => Action::Attempt(u32::from(attempt), real_report(report)),
    }
}

fn real_report(report: Report) -> write::Report {
    match report {
        Report::Progress => {
            write::Report::Progress(Progress { step: 2, percent: 50, text: "Saving".to_owned(), detail: json!({}) })
        }
        Report::StepOutput => {
            write::Report::StepOutput { name: "step".to_owned(), output: json!({}), took: Duration::ZERO }
        }
        Report::Complete => write::Report::Complete(JobResult {
            result_id: Uuid::nil(),
            result_data: json!({}),
            usage: None,
            rows: Vec::new(),
        }),
        Report::Retry => {
            let failure = Failure { message: "no".to_owned(), code: "no".to_owned() };
            write::Report::Retry(failure, Duration::ZERO)
        }
    }
}

fn name(event: Event) -> EventName {
    match event {
        Event::Queued => EventName::Queued,
        Event::Started => EventName::Started,
        Event::Progress => EventName::Progress,
        Event::Retrying => EventName::Retrying,
        Event::Completed => EventName::Completed,
        Event::Failed => EventName::Failed,
        Event::Cancelled => EventName::Cancelled,
    }
}
