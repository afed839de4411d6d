//! How many jobs may wait in an SQLite file: its writer counts them once and goes on from there.

use jobcast::job::JobStatus;
use jobcast::store::JobFilter;

use super::*;
use crate::databases::TestDatabase;

const LIMIT: i64 = 3;
const WAIT: &str = "SELECT count(*) FROM ai_jobs WHERE status = 'pending'";

/// Starts jobs one by one until one is refused, which must be at the limit.
async fn fill(store: &dyn Store, database: &TestDatabase) -> Vec<JobId> {
    let mut started = Vec::new();
    loop {
        let before = database.number(WAIT).await;
        match commit_one(store, create(brand())).await {
            Ok(committed) => {
                assert!(before < LIMIT, "a start was taken although {before} jobs wait");
                started.push(committed.job.id);
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::QueueFull { limit: LIMIT as u64 });
                assert!(before >= LIMIT, "a start was refused although only {before} jobs wait");
                return started;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_full_at_its_limit_whatever_jobs_have_come_and_gone() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(StoreSettings { max_queued_jobs: LIMIT as u64, ..settings() }).await;
    assert_eq!(fill(&*store, &database).await.len(), 3);
    // Taken up.
    let running = claim_all(&*store).await;
    assert_eq!(running.len(), 3);
    assert_eq!(fill(&*store, &database).await.len(), 3);
    // Put back, beyond the limit.
    commit_one(&*store, report(running[0].job.id, 1, Report::Release)).await.unwrap();
    assert_eq!(fill(&*store, &database).await.len(), 0);
    // Over before they began.
    let all = database.number(WAIT).await;
    let waiting = store.jobs(&JobFilter::default(), None, 10).await.unwrap();
    let waiting = waiting.into_iter().map(|stored| stored.job).filter(|job| job.status == JobStatus::Pending);
    let cancels: Vec<Write> = waiting.take(2).map(|job| Write { job_id: job.id, action: Action::Cancel }).collect();
    commit(&*store, &cancels).await;
    assert_eq!(database.number(WAIT).await, all - 2);
    assert_eq!(fill(&*store, &database).await.len(), 1);
    // Started and cancelled in one batch, which takes no room, and a user's retry, which does.
    commit(&*store, &[Write { job_id: running[1].job.id, action: Action::Cancel }]).await;
    assert_eq!(claim_all(&*store).await.len(), 3);
    let start = create(brand());
    let cancel = Write { job_id: start.job_id, action: Action::Cancel };
    assert!(commit(&*store, &[start, cancel]).await.iter().all(Result::is_ok));
    let retry = Write { job_id: running[1].job.id, action: Action::Retry };
    commit_one(&*store, retry).await.unwrap();
    assert_eq!(fill(&*store, &database).await.len(), 2);
    // By another program.
    database.execute("DELETE FROM ai_jobs WHERE status = 'pending'").await;
    assert_eq!(fill(&*store, &database).await.len(), 3);
    // Started under a key again, which starts nothing.
    claim_all(&*store).await;
    let keyed = || {
        let new =
            NewJob { idempotency_key: Some("k".to_owned()), brand_id: running[0].job.brand_id, ..new_job(brand()) };
        Write { job_id: JobId::new(), action: Action::Create(new) }
    };
    for _ in 0..5 {
        commit_one(&*store, keyed()).await.unwrap();
    }
    assert_eq!(fill(&*store, &database).await.len(), 2);
}
