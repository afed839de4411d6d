//! A worker that lost its lease cannot write: frozen processes, and every kind of report of a reclaimed attempt.

use std::time::Duration;

use jobcast::demo::{Behaviour, EVENTS_BEFORE_TEXT, Gate, StandIns};
use jobcast::event_log::{AppendError, EventLog};
use jobcast::hub::Hub;
use jobcast::job::{BrandId, JobId, JobType};
use jobcast::store::{Claim, Store, StoreSettings};
use jobcast::write::{Action, Failure, JobResult, Progress, Refusal, Report, ResultRow, ResultTable, Write};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{
    DEADLINE, Process, Site, assert_complete, eventually, new_job, on_both_databases, open, soon, stored,
};

on_both_databases!(a_reclaimed_attempt_leaves_no_trace, a_job_that_was_taken_over_by_a_cancel_leaves_no_trace);

const LEASE: [&str; 2] = ["--lease-seconds", "1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_froze_writes_nothing_when_it_wakes_while_another_works() {
    let (database, stand_ins, site) = begin().await;
    let (first, second) = (Gate::new(), Gate::new());
    for gate in [&first, &second] {
        stand_ins.claude.script(Behaviour::HoldAfter { events: EVENTS_BEFORE_TEXT + 4, gate: gate.clone() });
    }
    let frozen = Process::start(&database.url, &stand_ins, &LEASE);
    let id = frozen.client().start(&site.url).await;
    soon("the first attempt writes", first.reached()).await;
    frozen.signal(Signal::SIGSTOP);
    let other = Process::start(&database.url, &stand_ins, &LEASE);
    soon("the second attempt writes", second.reached()).await;

    wake(&frozen, &first).await;
    second.open();
    other.client().until(&id, "completed").await;
    let events = stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await;
    let data = events.iter().map(|event| serde_json::from_str::<Value>(&event.data).unwrap());
    let attempts: Vec<u64> = data.map(|data| data["attempt"].as_u64().unwrap()).collect();
    assert!(attempts.is_sorted(), "the first attempt wrote after the second had begun: {attempts:?}");
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 2), "the analysis was not paid twice");
    goes_on_serving(&frozen, &site, &database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_froze_writes_nothing_when_it_wakes_after_all_is_over() {
    let (database, stand_ins, site) = begin().await;
    let gate = Gate::new();
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 2, gate: gate.clone() });
    let frozen = Process::start(&database.url, &stand_ins, &LEASE);
    let id = frozen.client().start(&site.url).await;
    soon("the attempt is under way", gate.reached()).await;
    frozen.signal(Signal::SIGSTOP);

    let other = Process::start(&database.url, &stand_ins, &LEASE);
    let mut reader = other.client().events(&id, None).await;
    reader.sync().await;
    let history = reader.rest().await;
    let (store, job_id) = (open(&database).await, JobId(id.parse().unwrap()));
    let (before, job_before) = (stored(store.as_ref(), job_id).await, store.job(job_id).await.unwrap());
    assert_complete(&history, &before);
    assert_eq!(history.last().unwrap().event, "completed");

    wake(&frozen, &gate).await;
    assert_eq!(stored(store.as_ref(), job_id).await, before);
    assert_eq!(store.job(job_id).await.unwrap(), job_before);
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (2, 1));
    goes_on_serving(&frozen, &site, &database).await;
}

async fn begin() -> (TestDatabase, StandIns, Site) {
    (TestDatabase::postgres().await, StandIns::start().await.unwrap(), Site::start().await)
}

/// Wakes the process with the rest of its upstream's answer in hand, and waits until its attempt is over.
async fn wake(frozen: &Process, gate: &Gate) {
    gate.open();
    frozen.signal(Signal::SIGCONT);
    frozen.logged("attempt gave way").await;
}

async fn goes_on_serving(frozen: &Process, site: &Site, database: &TestDatabase) {
    let next = frozen.client().start(&site.url).await;
    frozen.client().until(&next, "completed").await;
    assert_eq!(frozen.client().get("/readyz").await.0, 200);
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, 2, "one row a job");
}

async fn a_reclaimed_attempt_leaves_no_trace(database: TestDatabase) {
    // Shorter than the shortest of the product, so that it has run out at once.
    let settings = StoreSettings { lease: Duration::from_millis(1), max_queued_jobs: 10_000, alone: false };
    let store = database.store(settings).await;
    let (log, _writer) = EventLog::start(store.clone(), Hub::default());
    let job_id = running_job(&log).await;
    eventually("the reclaim", || async {
        log.append(Write { job_id, action: Action::Reclaim(1) }, DEADLINE).await.ok()
    })
    .await;
    // Refused while the job waits, and while the next attempt runs.
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
    claim(&log, job_id).await;
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
    log.append(report(job_id, 2, Report::Complete(result())), DEADLINE).await.expect("the present attempt may write");
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
}

async fn a_job_that_was_taken_over_by_a_cancel_leaves_no_trace(database: TestDatabase) {
    let store = open(&database).await;
    let (log, _writer) = EventLog::start(store.clone(), Hub::default());
    let job_id = running_job(&log).await;
    log.append(Write { job_id, action: Action::Cancel }, DEADLINE).await.unwrap();
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
    log.append(Write { job_id, action: Action::Retry }, DEADLINE).await.unwrap();
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
    claim(&log, job_id).await;
    assert_fenced(&database, &log, store.as_ref(), job_id).await;
}

/// Every kind of report of the first attempt is refused, one by one and all at once, and changes nothing.
async fn assert_fenced(database: &TestDatabase, log: &EventLog, store: &dyn Store, job_id: JobId) {
    let trace = async || {
        let job = store.job(job_id).await.unwrap().unwrap();
        let counts = [
            events_in(database).await,
            database.number("SELECT count(*) FROM job_steps").await,
            database.number("SELECT count(*) FROM brand_intelligence").await,
        ];
        (job, stored(store, job_id).await, counts)
    };
    let before = trace().await;
    for kind in reports() {
        let shown = format!("{kind:?}");
        let refused = log.append(report(job_id, 1, kind), DEADLINE).await;
        let fenced = matches!(refused, Err(AppendError::Refused(Refusal::Fenced { attempt: 1 })));
        assert!(fenced, "{shown}: {refused:?}");
        assert_eq!(trace().await, before, "{shown}");
    }
    let at_once = reports().into_iter().map(|kind| log.append(report(job_id, 1, kind), DEADLINE));
    assert!(futures_util::future::join_all(at_once).await.iter().all(Result::is_err));
    assert_eq!(trace().await, before);
    assert_eq!(store.step_output(job_id, "a_step").await.unwrap(), None);
}

/// Of all jobs; SQLite has those that are recent in a table of their own.
async fn events_in(database: &TestDatabase) -> i64 {
    let recent = match database.url.starts_with("sqlite") {
        true => database.number("SELECT count(*) FROM recent_events").await,
        false => 0,
    };
    database.number("SELECT count(*) FROM job_events").await + recent
}

/// One of each kind; a new kind must be added here to compile.
fn reports() -> Vec<Report> {
    let failure = Failure { message: "no".to_owned(), code: "no".to_owned() };
    let progress = Progress { step: 2, percent: 50, text: "Analyzing".to_owned(), detail: json!({"page": 1}) };
    let all = vec![
        Report::Progress(progress),
        Report::Delta("text".to_owned()),
        Report::StepOutput { name: "a_step".to_owned(), output: json!({"paid": true}), took: Duration::ZERO },
        Report::Complete(result()),
        Report::Retry(failure.clone(), Duration::ZERO),
        Report::Fail(failure),
        Report::Release,
    ];
    for report in &all {
        match report {
            Report::Progress(_) | Report::Delta(_) | Report::StepOutput { .. } | Report::Complete(_) => {}
            Report::Retry(..) | Report::Fail(_) | Report::Release => {}
        }
    }
    all
}

fn report(job_id: JobId, attempt: u32, report: Report) -> Write {
    Write { job_id, action: Action::Attempt(attempt, report) }
}

fn result() -> JobResult {
    let id = Uuid::new_v4();
    let row = ResultRow::new(ResultTable::BrandIntelligence, id, &json!({"brand_name": "Northwind"}));
    JobResult { result_id: id, result_data: json!({}), usage: None, rows: vec![row] }
}

/// A job under its first attempt.
async fn running_job(log: &EventLog) -> JobId {
    let job_id = JobId::new();
    let new = new_job(BrandId(Uuid::new_v4()));
    log.append(Write { job_id, action: Action::Create(new) }, DEADLINE).await.unwrap();
    claim(log, job_id).await;
    job_id
}

async fn claim(log: &EventLog, job_id: JobId) {
    let claim = Claim { limit: 10, max_jobs_per_brand: 10, job_types: JobType::ALL.to_vec() };
    eventually("the claim", || async {
        let claimed = log.claim(claim.clone(), DEADLINE).await.expect("the claim is answered");
        claimed.iter().any(|claimed| claimed.job.id == job_id).then_some(())
    })
    .await;
}
