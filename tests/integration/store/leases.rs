//! Leases: expiry, heartbeats, and what a worker that lost its job may still do.

use jobcast::job::JobStatus;
use jobcast::store::StoreSettings;
use jobcast::write::{Action, Refusal, Report, Write};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    a_held_lease_does_not_expire_and_cannot_be_reclaimed,
    an_expired_lease_is_reclaimed_and_its_worker_fenced,
    a_job_without_retries_left_fails_when_its_worker_is_lost,
    a_heartbeat_extends_the_leases_that_are_still_held,
    progress_extends_the_lease,
    a_worker_that_speaks_in_the_batch_of_its_reclaim_keeps_the_job,
);

async fn a_held_lease_does_not_expire_and_cannot_be_reclaimed(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    assert!(store.expired_leases(10).await.unwrap().is_empty());
    let refused = commit_one(&*store, Write { job_id: job.id, action: Action::Reclaim(1) }).await;
    assert_eq!(refused, Err(Refusal::LeaseHeld { attempt: 1 }));
    assert_eq!(stored(&*store, job.id).await, job);
}

async fn an_expired_lease_is_reclaimed_and_its_worker_fenced(database: TestDatabase) {
    let store = database.store(StoreSettings { lease: Duration::ZERO, ..settings() }).await;
    let job = processing(&*store).await;
    expired(&*store, job.id, 1).await;
    let reclaim = Write { job_id: job.id, action: Action::Reclaim(1) };
    let committed = commit_one(&*store, reclaim.clone()).await.unwrap();
    assert_eq!(committed.job.status, JobStatus::Pending);
    assert_eq!(committed.job.error_code.as_deref(), Some("worker_lost"));
    assert_eq!(stored(&*store, job.id).await, committed.job);
    assert_eq!(commit_one(&*store, delta(job.id, 1, "late")).await, Err(Refusal::Fenced { attempt: 1 }));
    assert!(store.expired_leases(10).await.unwrap().is_empty());

    let second = claim_all(&*store).await.remove(0).job;
    assert_eq!((second.id, second.attempt), (job.id, 2));
    assert_eq!(commit_one(&*store, delta(job.id, 1, "late")).await, Err(Refusal::Fenced { attempt: 1 }));
    assert_eq!(commit_one(&*store, reclaim).await, Err(Refusal::Fenced { attempt: 1 }));
    commit_one(&*store, delta(job.id, 2, "on time")).await.unwrap();
    assert_eq!(seqs(&*store, job.id).await, [1, 2, 3, 4, 5]);
}

async fn a_job_without_retries_left_fails_when_its_worker_is_lost(database: TestDatabase) {
    let store = database.store(StoreSettings { lease: Duration::ZERO, ..settings() }).await;
    let mut new = new_job(brand());
    new.max_retries = 0;
    let id = JobId::new();
    commit_one(&*store, Write { job_id: id, action: Action::Create(new) }).await.unwrap();
    claim_all(&*store).await;
    expired(&*store, id, 1).await;
    let committed = commit_one(&*store, Write { job_id: id, action: Action::Reclaim(1) }).await.unwrap();
    assert_eq!(committed.job.status, JobStatus::Failed);
    assert_eq!(stored(&*store, id).await, committed.job);
}

async fn a_heartbeat_extends_the_leases_that_are_still_held(database: TestDatabase) {
    let short = database.store(StoreSettings { lease: Duration::ZERO, ..among_others() }).await;
    let long = database.store(among_others()).await;
    let held = processing(&*short).await.id;
    let cancelled = processing(&*short).await.id;
    let replaced = processing(&*short).await.id;
    commit_one(&*short, Write { job_id: cancelled, action: Action::Cancel }).await.unwrap();
    commit_one(&*short, report(replaced, 1, Report::Release)).await.unwrap();
    assert_eq!(claim_all(&*short).await[0].job.attempt, 2);
    expired(&*short, held, 1).await;
    let beats = [(replaced, 1), (held, 1), (cancelled, 1), (JobId::new(), 1)];
    assert_eq!(long.heartbeat(&beats).await.unwrap(), [(held, 1)]);
    expired(&*short, replaced, 2).await;
    assert_eq!(short.expired_leases(10).await.unwrap(), [(replaced, 2)], "the held one was extended");
    assert!(long.heartbeat(&[]).await.unwrap().is_empty());
}

async fn progress_extends_the_lease(database: TestDatabase) {
    let short = database.store(StoreSettings { lease: Duration::ZERO, ..among_others() }).await;
    let long = database.store(among_others()).await;
    let job = processing(&*short).await;
    expired(&*short, job.id, 1).await;
    let writes: [fn(JobId) -> Write; 3] = [
        |id| delta(id, 1, "a"),
        |id| progress(id, 1, 1, 5),
        |id| {
            report(
                id,
                1,
                Report::StepOutput { name: "s".to_owned(), output: json!(1), took: Duration::from_millis(1500) },
            )
        },
    ];
    for write in writes {
        commit_one(&*long, write(job.id)).await.unwrap();
        assert!(short.expired_leases(10).await.unwrap().is_empty());
        commit_one(&*short, delta(job.id, 1, "b")).await.unwrap();
        expired(&*short, job.id, 1).await;
    }
}

async fn a_worker_that_speaks_in_the_batch_of_its_reclaim_keeps_the_job(database: TestDatabase) {
    let store = database.store(StoreSettings { lease: Duration::ZERO, ..settings() }).await;
    let job = processing(&*store).await;
    expired(&*store, job.id, 1).await;
    let reclaim = Write { job_id: job.id, action: Action::Reclaim(1) };
    let outcomes = commit(&*store, &[delta(job.id, 1, "here I am"), reclaim]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[1], Err(Refusal::LeaseHeld { attempt: 1 }));
    assert_eq!(stored(&*store, job.id).await.status, JobStatus::Processing);
}

/// Waits until the database's clock has passed the end of the lease.
async fn expired(store: &dyn Store, id: JobId, attempt: Attempt) {
    eventually("the lease has expired", async || {
        store.expired_leases(100).await.unwrap().contains(&(id, attempt)).then_some(())
    })
    .await;
}
