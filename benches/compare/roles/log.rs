//! The product's event log without anything around it: producers that each append as soon as their last append is durable.
//! Must not set anything that makes it faster than it is in the product.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use jobcast::event_log::EventLog;
use jobcast::hub::Hub;
use jobcast::job::{BrandId, JobId, JobType, NewJob};
use jobcast::store::{self, Claim, StoreSettings};
use jobcast::write::{Action, Progress, Report, Write};
use serde_json::json;
use uuid::Uuid;

use super::tell;
use crate::Outcome;
use crate::generator::histogram::Histogram;

/// How many append at once.
const PRODUCERS: [usize; 4] = [1, 32, 256, 2048];

/// Before it counts, and how long it counts.
const WARM_UP: Duration = Duration::from_millis(300);
const COUNTED: Duration = Duration::from_secs(2);

/// How long a single write may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// With the members that every event has, about 256 bytes of data.
const TEXT: &str = "Step 1/3: the kettle is repaired, not replaced; so it says, page";

pub async fn run(database_url: &str) -> Outcome<()> {
    let settings = StoreSettings { lease: Duration::from_secs(600), max_queued_jobs: 100_000, alone: true };
    let store = store::open(database_url, database_url, settings).await?;
    let (event_log, _tasks) = EventLog::start(store.clone(), Hub::default());
    let most = PRODUCERS.into_iter().max().unwrap_or_default();
    let jobs = running_jobs(&event_log, most).await?;
    for producers in PRODUCERS {
        let begin = Instant::now();
        let tasks = jobs[..producers].iter().map(|job| tokio::spawn(append_all(event_log.clone(), *job, begin)));
        let mut all = Histogram::default();
        for latency in try_join_all(tasks).await? {
            all.add(&latency?);
        }
        tell(producers, &all, begin.elapsed().saturating_sub(WARM_UP))?;
    }
    store.close().await;
    Ok(())
}

async fn append_all(event_log: EventLog, job_id: JobId, begin: Instant) -> Outcome<Histogram> {
    let (mut latency, mut page) = (Histogram::default(), 0);
    while begin.elapsed() < WARM_UP + COUNTED {
        page += 1;
        let report =
            Report::Progress(Progress { step: 1, percent: 10, text: format!("{TEXT} {page}"), detail: json!({}) });
        let sent = Instant::now();
        event_log.append(Write { job_id, action: Action::Attempt(1, report) }, PATIENCE).await?;
        if begin.elapsed() > WARM_UP {
            latency.push_duration(sent.elapsed());
        }
    }
    Ok(latency)
}

/// Creates this many jobs and claims them, so that their first attempt can write.
async fn running_jobs(event_log: &EventLog, count: usize) -> Outcome<Vec<JobId>> {
    try_join_all((0..count).map(|_| {
        let new = NewJob {
            brand_id: BrandId(Uuid::new_v4()),
            job_type: JobType::BrandIntelligence,
            input_data: json!({}),
            idempotency_key: None,
            webhook_url: None,
            estimated_duration: 90,
            total_steps: 3,
            max_retries: 3,
        };
        event_log.append(Write { job_id: JobId::new(), action: Action::Create(new) }, PATIENCE)
    }))
    .await?;
    let mut jobs = Vec::new();
    while jobs.len() < count {
        let claim = Claim { limit: 100, max_jobs_per_brand: 1, job_types: vec![JobType::BrandIntelligence] };
        let claimed = event_log.claim(claim, PATIENCE).await?;
        if claimed.is_empty() {
            return Err(format!("only {} of {count} jobs could be claimed", jobs.len()).into());
        }
        jobs.extend(claimed.into_iter().map(|claimed| claimed.job.id));
    }
    Ok(jobs)
}
