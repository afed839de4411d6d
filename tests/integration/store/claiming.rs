//! Claims: order, limits, due times, and that no two share a job.

use std::collections::HashSet;
use std::sync::Arc;

use jobcast::event::EventName;
use jobcast::job::{JobStatus, JobType};
use jobcast::store::{Claim, JobFilter};
use jobcast::write::{Action, Report, Write};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    a_claim_takes_the_oldest_and_no_more_than_its_limit,
    a_claimed_job_is_stored_as_it_was_answered,
    a_brand_has_no_more_jobs_under_way_than_its_limit,
    a_full_brand_does_not_hold_up_others,
    a_job_is_claimed_when_it_is_due,
    only_the_types_that_were_asked_for_are_claimed,
    jobs_of_another_version_are_left_alone,
    concurrent_claims_never_share_a_job,
);

async fn a_claim_takes_the_oldest_and_no_more_than_its_limit(database: TestDatabase) {
    let store = database.store(settings()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(created(&*store, brand()).await.id);
    }
    for expected in [&ids[..2], &ids[2..4], &ids[4..], &[]] {
        let claimed = store.claim(&claim_of(2, 8)).await.unwrap();
        assert_eq!(claimed.iter().map(|claimed| claimed.job.id).collect::<Vec<_>>(), expected);
    }
    assert!(store.claim(&claim_of(0, 8)).await.unwrap().is_empty());
}

async fn a_claimed_job_is_stored_as_it_was_answered(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = created(&*store, brand()).await;
    let claimed = claim_all(&*store).await.remove(0);
    assert_eq!(claimed.job.status, JobStatus::Processing);
    assert_eq!((claimed.job.id, claimed.job.attempt, claimed.job.last_seq), (job.id, 1, 2));
    assert!(claimed.job.started_at.is_some());
    assert_eq!(stored(&*store, job.id).await, claimed.job);
    assert_eq!(claimed.event.name, EventName::Started);
    assert_eq!(store.events_after(Subject::Job(job.id), 1, 10).await.unwrap(), [claimed.event]);
}

async fn a_brand_has_no_more_jobs_under_way_than_its_limit(database: TestDatabase) {
    let store = database.store(among_others()).await;
    let other_instance = database.store(among_others()).await;
    let brand = brand();
    for _ in 0..5 {
        created(&*store, brand).await;
    }
    let first = store.claim(&claim_of(1, 2)).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(other_instance.claim(&claim_of(10, 2)).await.unwrap().len(), 1);
    assert!(store.claim(&claim_of(10, 2)).await.unwrap().is_empty());
    commit_one(&*store, complete(first[0].job.id, 1)).await.unwrap();
    assert_eq!(store.claim(&claim_of(10, 2)).await.unwrap().len(), 1);
}

async fn a_full_brand_does_not_hold_up_others(database: TestDatabase) {
    let store = database.store(settings()).await;
    let busy = brand();
    for _ in 0..30 {
        created(&*store, busy).await;
    }
    let other = created(&*store, brand()).await;
    assert_eq!(store.claim(&claim_of(2, 2)).await.unwrap().len(), 2);
    let claimed = store.claim(&claim_of(2, 2)).await.unwrap();
    assert_eq!(claimed.iter().map(|claimed| claimed.job.id).collect::<Vec<_>>(), [other.id]);
}

async fn a_job_is_claimed_when_it_is_due(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (later, soon) = (processing(&*store).await.id, processing(&*store).await.id);
    let released = processing(&*store).await.id;
    let retry = |delay| Report::Retry(failure(), delay);
    let writes = [
        report(later, 1, retry(HOUR)),
        report(soon, 1, retry(Duration::from_millis(50))),
        report(released, 1, Report::Release),
    ];
    commit(&*store, &writes).await;
    let mut claimed = HashSet::new();
    eventually("the two jobs are claimed", async || {
        claimed.extend(claim_all(&*store).await.into_iter().map(|claimed| claimed.job.id));
        (claimed.len() >= 2).then_some(())
    })
    .await;
    assert_eq!(claimed, HashSet::from([soon, released]));
    // A user's retry does not wait for the delay of the attempt before it.
    commit_one(&*store, Write { job_id: later, action: Action::Cancel }).await.unwrap();
    commit_one(&*store, Write { job_id: later, action: Action::Retry }).await.unwrap();
    assert_eq!(claim_all(&*store).await[0].job.id, later);
}

async fn only_the_types_that_were_asked_for_are_claimed(database: TestDatabase) {
    let store = database.store(settings()).await;
    created(&*store, brand()).await;
    let none = Claim { job_types: Vec::new(), ..claim_of(10, 10) };
    assert!(store.claim(&none).await.unwrap().is_empty());
    let known = Claim { job_types: vec![JobType::BrandIntelligence], ..none };
    assert_eq!(store.claim(&known).await.unwrap().len(), 1);
}

async fn jobs_of_another_version_are_left_alone(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (odd_type, odd_status) = (created(&*store, brand()).await, created(&*store, brand()).await);
    let known = created(&*store, brand()).await;
    let running_odd = processing_of_another_version(&database, &*store).await;
    let change = |column: &str, seq_of: JobId| {
        format!("UPDATE ai_jobs SET {column} = 'of_a_later_version' WHERE {};", has_id(&database, seq_of))
    };
    let sql = [change("job_type", odd_type.id), change("status", odd_status.id)].concat();
    database.execute(&without_checks(&database, &sql)).await;

    let again = created(&*store, brand()).await;
    let claimed: Vec<_> = claim_all(&*store).await.into_iter().map(|claimed| claimed.job.id).collect();
    assert_eq!(claimed, [again.id]);
    let listed: Vec<_> =
        store.jobs(&Default::default(), None, 100).await.unwrap().into_iter().map(|stored| stored.job.id).collect();
    assert_eq!(listed, [again.id, known.id]);
    assert_eq!(store.job(odd_type.id).await.unwrap(), None);
    assert_eq!(store.job(odd_status.id).await.unwrap(), None);
    let cancel = Write { job_id: odd_type.id, action: Action::Cancel };
    assert_eq!(commit_one(&*store, cancel).await, Err(Refusal::NotFound));
    assert!(store.expired_leases(10).await.unwrap().iter().all(|(id, _)| *id != running_odd));
}

/// A job whose lease ran out long ago and whose type this version does not know. Claims what waits.
async fn processing_of_another_version(database: &TestDatabase, store: &dyn Store) -> JobId {
    let job = processing(store).await;
    let long_ago = if database.url.starts_with("sqlite") { "1" } else { "'2000-01-01'" };
    let sql = format!(
        "UPDATE ai_jobs SET job_type = 'of_a_later_version', lease_expires_at = {long_ago} WHERE {};",
        has_id(database, job.id)
    );
    database.execute(&without_checks(database, &sql)).await;
    job.id
}

fn has_id(database: &TestDatabase, id: JobId) -> String {
    if database.url.starts_with("sqlite") { format!("id = x'{}'", id.0.simple()) } else { format!("id = '{id}'") }
}

fn without_checks(database: &TestDatabase, sql: &str) -> String {
    let before = if database.url.starts_with("sqlite") {
        "PRAGMA ignore_check_constraints = 1;"
    } else {
        "ALTER TABLE ai_jobs DROP CONSTRAINT IF EXISTS ai_jobs_job_type_check;
         ALTER TABLE ai_jobs DROP CONSTRAINT IF EXISTS ai_jobs_status_check;"
    };
    format!("{before} {sql}")
}

async fn claim_until_none_waits(store: Arc<dyn Store>) -> Vec<Job> {
    let patience = Patience::new();
    let pending = JobFilter { status: Some(JobStatus::Pending), ..JobFilter::default() };
    let mut mine = Vec::new();
    while !store.jobs(&pending, None, 1).await.unwrap().is_empty() {
        // An empty answer says that another is claiming.
        let claimed = store.claim(&claim_of(3, 8)).await.unwrap();
        mine.extend(claimed.into_iter().map(|claimed| claimed.job));
        patience.wait("no job waits").await;
    }
    mine
}

async fn concurrent_claims_never_share_a_job(database: TestDatabase) {
    const JOBS: usize = 60;
    let stores = [database.store(among_others()).await, database.store(among_others()).await];
    let creates: Vec<Write> = (0..JOBS).map(|_| create(brand())).collect();
    commit(&*stores[0], &creates).await;
    let mut tasks = Vec::new();
    for n in 0..8 {
        let store = stores[n % 2].clone();
        tasks.push(tokio::spawn(claim_until_none_waits(store)));
    }
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    assert_eq!(claimed.len(), JOBS);
    assert_eq!(claimed.iter().map(|job| job.id).collect::<HashSet<_>>().len(), JOBS);
    assert!(claimed.iter().all(|job| job.attempt == 1));
}
