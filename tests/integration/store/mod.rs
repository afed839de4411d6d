//! What every store must do, run over SQLite and over PostgreSQL.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use jobcast::event::Subject;
use jobcast::job::{Attempt, BrandId, Job, JobId, JobType, NewJob};
use jobcast::store::{Claim, Claimed, Committed, Queue, StepDuration, Store, StoreError, StoreSettings};
use jobcast::write::{Action, Failure, JobResult, Progress, Refusal, Report, ResultRow, ResultTable, Write};
use serde_json::json;
use uuid::Uuid;

mod claiming;
mod committing;
mod keys;
mod leases;
mod opening;
mod postgres_only;
mod progress_statement;
mod pruning;
mod queue_room;
mod reading;
pub mod rows;
mod sorting_in;
mod sqlite_only;
mod start_statement;
mod statements;
mod webhooks;

const HOUR: Duration = Duration::from_secs(3600);

/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(20);

/// Those of a server.
pub fn settings() -> StoreSettings {
    StoreSettings { lease: HOUR, max_queued_jobs: 10_000, alone: true }
}

/// Those of a store that shares an SQLite file with others.
pub fn among_others() -> StoreSettings {
    StoreSettings { alone: false, ..settings() }
}

pub fn brand() -> BrandId {
    BrandId(Uuid::new_v4())
}

pub fn new_job(brand_id: BrandId) -> NewJob {
    let input_data = json!({"url": "https://example.com", "max_pages": 15});
    NewJob { input_data, ..crate::harness::new_job(brand_id) }
}

pub fn create(brand_id: BrandId) -> Write {
    Write { job_id: JobId::new(), action: Action::Create(new_job(brand_id)) }
}

pub fn report(job_id: JobId, attempt: Attempt, report: Report) -> Write {
    Write { job_id, action: Action::Attempt(attempt, report) }
}

fn delta(job_id: JobId, attempt: Attempt, text: &str) -> Write {
    report(job_id, attempt, Report::Delta(text.to_owned()))
}

fn progress(job_id: JobId, attempt: Attempt, step: u32, percent: u8) -> Write {
    let text = "Analyzing the site".to_owned();
    report(job_id, attempt, Report::Progress(Progress { step, percent, text, detail: json!({"page": 1}) }))
}

fn failure() -> Failure {
    Failure { message: "The upstream is busy".to_owned(), code: "overloaded".to_owned() }
}

fn result() -> JobResult {
    let id = Uuid::new_v4();
    let row = json!({
        "brand_name": "Acme", "tagline": null, "mission": "To make everything", "values": ["care", "speed"],
        "brand_tone": "warm", "brand_voice": {"formal": false}, "messaging_themes": [], "key_messages": null,
        "content_themes": ["tools"], "pages_analyzed": 7, "analysis_confidence": 0.87,
        "raw_analysis": {"pages": [{"url": "https://example.com"}]},
    });
    JobResult {
        result_id: id,
        result_data: json!({"brand_name": "Acme", "score": 0.5, "list": [1, 2]}),
        usage: Some(json!({"input_tokens": 7})),
        rows: vec![ResultRow::new(ResultTable::BrandIntelligence, id, &row)],
    }
}

fn complete(job_id: JobId, attempt: Attempt) -> Write {
    report(job_id, attempt, Report::Complete(result()))
}

pub async fn commit(store: &dyn Store, writes: &[Write]) -> Vec<Result<Committed, Refusal>> {
    store.commit(Uuid::new_v4(), writes).await.expect("the batch is committed")
}

pub async fn commit_one(store: &dyn Store, write: Write) -> Result<Committed, Refusal> {
    commit(store, &[write]).await.pop().expect("an outcome for the write")
}

async fn created(store: &dyn Store, brand_id: BrandId) -> Job {
    commit_one(store, create(brand_id)).await.expect("the job is created").job
}

fn claim_of(limit: u32, max_jobs_per_brand: u32) -> Claim {
    Claim { limit, max_jobs_per_brand, job_types: JobType::ALL.to_vec() }
}

/// A job of a new brand, processing in its first attempt.
async fn processing(store: &dyn Store) -> Job {
    let job = created(store, brand()).await;
    let claimed = claim_all(store).await;
    claimed.into_iter().find(|claimed| claimed.job.id == job.id).expect("the new job is claimed").job
}

/// Whatever is due.
pub async fn claim_all(store: &dyn Store) -> Vec<Claimed> {
    store.claim(&claim_of(1000, 1000)).await.expect("the claim is answered")
}

pub async fn stored(store: &dyn Store, id: JobId) -> Job {
    store.job(id).await.expect("the job is read").expect("the job exists").job
}

pub async fn seqs(store: &dyn Store, id: JobId) -> Vec<i64> {
    let events = store.events_after(Subject::Job(id), 0, 100_000).await.expect("the events are read");
    events.into_iter().map(|event| event.seq).collect()
}

/// Asks until the answer is there, or fails at the deadline.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = Patience::new();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        patience.wait(what).await;
    }
}

/// Drops a commit at moments that are spread over all its parts; it takes about 2 ms.
async fn drop_commits_at_many_moments(store: &dyn Store, id: JobId) {
    for n in 0..300 {
        let writes = [delta(id, 1, "x")];
        let commit = store.commit(Uuid::new_v4(), &writes);
        let until = Instant::now() + Duration::from_micros(20) * (n % 100);
        let moment = async {
            while Instant::now() < until {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = commit => {}
            () = moment => {}
        }
    }
}

/// Waiting for a condition, a little at a time and not beyond the deadline.
struct Patience {
    began: Instant,
    limit: Duration,
}

impl Patience {
    fn new() -> Patience {
        Patience::within(DEADLINE)
    }

    fn within(limit: Duration) -> Patience {
        Patience { began: Instant::now(), limit }
    }

    async fn wait(&self, what: &str) {
        assert!(self.began.elapsed() < self.limit, "not within {:?}: {what}", self.limit);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The same again where trying again can help.
async fn commit_until_answered(store: &dyn Store, batch: Uuid, writes: &[Write]) -> Vec<Result<Committed, Refusal>> {
    let patience = Patience::new();
    loop {
        match store.commit(batch, writes).await {
            Ok(outcomes) => return outcomes,
            Err(StoreError::Unavailable(_)) => patience.wait("the batch is committed").await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + HOUR
}
