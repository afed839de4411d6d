//! Starts under a key: the same start is the same job, whoever else starts at that moment; and what a second try of a
//! batch says about them.

use std::collections::HashSet;
use std::sync::Arc;

use jobcast::job::JobStatus;
use jobcast::write::{Action, Refusal, Write};
use serde_json::Value;

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    the_same_start_is_the_same_job,
    another_start_under_the_key_is_refused,
    a_key_belongs_to_its_brand,
    a_full_queue_does_not_use_up_the_key,
    a_key_whose_job_cannot_be_read_is_taken,
    the_same_batch_again_finds_its_own_job,
    starts_under_one_key_that_race_are_one_job,
    batches_with_the_same_keys_in_any_order_do_not_block_each_other,
    a_retry_has_room_after_a_cancel_in_the_same_batch,
    the_same_batch_again_accepts_one_retry_alone,
    the_same_batch_again_refuses_a_cancel_that_came_too_late,
);

fn start(brand_id: BrandId, key: &str, input_data: Value) -> Write {
    let new = NewJob { idempotency_key: Some(key.to_owned()), input_data, ..new_job(brand_id) };
    Write { job_id: JobId::new(), action: Action::Create(new) }
}

fn input() -> Value {
    json!({"url": "https://example.com/", "max_pages": 15, "name": "Zoë \u{1F600}", "deep": true, "since": null})
}

async fn jobs(database: &TestDatabase) -> i64 {
    database.number("SELECT count(*) FROM ai_jobs").await
}

async fn the_same_start_is_the_same_job(database: TestDatabase) {
    let store = database.store(settings()).await;
    let brand_id = brand();
    let both = commit(&*store, &[start(brand_id, "k", input()), start(brand_id, "k", input())]).await;
    let [first, second] = both.try_into().unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.again, second.again, second.events.len()), (false, true, 0));
    assert_eq!(second.job, first.job);
    let mut job = first.job;
    for end in [
        report(job.id, 1, Report::Fail(failure())),
        Write { job_id: job.id, action: Action::Retry },
        Write { job_id: job.id, action: Action::Cancel },
        Write { job_id: job.id, action: Action::Retry },
        complete(job.id, 2),
    ] {
        let repeated = commit_one(&*store, start(brand_id, "k", input())).await.unwrap();
        assert_eq!((repeated.job, repeated.again, repeated.events.len()), (job.clone(), true, 0));
        if matches!(end.action, Action::Attempt(..)) {
            assert_eq!(claim_all(&*store).await.len(), 1);
        }
        job = commit_one(&*store, end).await.unwrap().job;
    }
    assert_eq!(job.status, JobStatus::Completed);
    let repeated = commit_one(&*store, start(brand_id, "k", input())).await.unwrap();
    assert_eq!(repeated.job, job);
    assert_eq!(jobs(&database).await, 1);
    assert_eq!(seqs(&*store, job.id).await, (1..=job.last_seq).collect::<Vec<_>>(), "a repeated start is no event");
}

async fn another_start_under_the_key_is_refused(database: TestDatabase) {
    let store = database.store(settings()).await;
    let brand_id = brand();
    let mut other_type = start(brand_id, "k", input());
    let Action::Create(new) = &mut other_type.action else { unreachable!() };
    new.job_type = JobType::BrandExtraction;
    let writes = [start(brand_id, "k", input()), start(brand_id, "k", json!({"url": "https://other.example"}))];
    assert_eq!(commit(&*store, &writes).await[1], Err(Refusal::KeyReused), "in one batch");
    assert_eq!(commit_one(&*store, writes[1].clone()).await, Err(Refusal::KeyReused), "after it");
    assert_eq!(commit_one(&*store, other_type).await, Err(Refusal::KeyReused));
    assert_eq!(jobs(&database).await, 1);
}

async fn a_key_belongs_to_its_brand(database: TestDatabase) {
    let store = database.store(settings()).await;
    let writes = [start(brand(), "k", input()), start(brand(), "k", json!({})), start(brand(), "K", input())];
    assert!(commit(&*store, &writes).await.into_iter().all(|outcome| !outcome.unwrap().again));
    assert!(!commit_one(&*store, start(brand(), "k", input())).await.unwrap().again);
    assert_eq!(jobs(&database).await, 4);
}

async fn a_full_queue_does_not_use_up_the_key(database: TestDatabase) {
    let store = database.store(StoreSettings { max_queued_jobs: 1, ..settings() }).await;
    let brand_id = brand();
    let waiting = commit_one(&*store, start(brand_id, "first", input())).await.unwrap().job;
    let full = Err(Refusal::QueueFull { limit: 1 });
    assert_eq!(commit_one(&*store, start(brand_id, "second", input())).await, full);
    let repeated = commit_one(&*store, start(brand_id, "first", input())).await.unwrap();
    assert_eq!((repeated.job, repeated.again), (waiting, true), "a start that waits takes no second place");
    assert_eq!(claim_all(&*store).await.len(), 1);
    let second = commit_one(&*store, start(brand_id, "second", json!({"other": 1}))).await.unwrap();
    assert!(!second.again, "the key was free");
}

async fn a_key_whose_job_cannot_be_read_is_taken(database: TestDatabase) {
    let store = database.store(settings()).await;
    let brand_id = brand();
    commit_one(&*store, start(brand_id, "k", input())).await.unwrap();
    // As a later version would leave it.
    let later = if database.url.starts_with("sqlite") {
        "PRAGMA ignore_check_constraints = 1; UPDATE ai_jobs SET job_type = 'of_a_later_version'"
    } else {
        "ALTER TABLE ai_jobs DROP CONSTRAINT ai_jobs_job_type_check; UPDATE ai_jobs SET job_type = 'of_a_later_version'"
    };
    database.execute(later).await;
    assert_eq!(commit_one(&*store, start(brand_id, "k", input())).await, Err(Refusal::KeyReused));
}

async fn the_same_batch_again_finds_its_own_job(database: TestDatabase) {
    let store = database.store(settings()).await;
    let brand_id = brand();
    let writes =
        [start(brand_id, "k", input()), start(brand_id, "k", input()), start(brand_id, "k", json!({"other": 1}))];
    let batch = Uuid::new_v4();
    let first = store.commit(batch, &writes).await.unwrap();
    claim_all(&*store).await;
    let second = store.commit(batch, &writes).await.unwrap();
    for (first, second) in first.into_iter().zip(second) {
        match (first, second) {
            (Ok(first), Ok(second)) => assert_eq!((second.job.id, second.again), (first.job.id, true)),
            (first, second) => assert_eq!((first, second), (Err(Refusal::KeyReused), Err(Refusal::KeyReused))),
        }
    }
    assert_eq!(jobs(&database).await, 1);
}

async fn starts_under_one_key_that_race_are_one_job(database: TestDatabase) {
    let stores = [database.store(among_others()).await, database.store(among_others()).await];
    for round in 0..5 {
        let brand_id = brand();
        let racing = (0..32).map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move { store.commit(Uuid::new_v4(), &[start(brand_id, "k", input())]).await })
        });
        let (mut ids, mut new) = (HashSet::new(), 0);
        for answer in futures_util::future::join_all(racing).await {
            let committed = answer.unwrap().expect("the race is no fault of the database").remove(0).unwrap();
            ids.insert(committed.job.id);
            new += usize::from(!committed.again);
        }
        assert_eq!((ids.len(), new), (1, 1));
        assert_eq!(jobs(&database).await, round + 1);
    }
}

async fn batches_with_the_same_keys_in_any_order_do_not_block_each_other(database: TestDatabase) {
    const KEYS: usize = 40;
    let stores = [database.store(among_others()).await, database.store(among_others()).await];
    for round in 1..=10 {
        let brands = [brand(), brand()];
        let batch = |reversed: bool| {
            let mut writes: Vec<Write> =
                (0..KEYS).map(|n| start(brands[n % 2], &format!("key {n}"), input())).collect();
            if reversed {
                writes.reverse();
            }
            writes
        };
        let racing = (0..4).map(|n| {
            let (store, writes): (Arc<dyn Store>, _) = (stores[n % 2].clone(), batch(n >= 2));
            tokio::spawn(async move { store.commit(Uuid::new_v4(), &writes).await })
        });
        let mut ids = HashSet::new();
        for answer in futures_util::future::join_all(racing).await {
            let outcomes = answer.unwrap().expect("no deadlock, and no unique key met twice");
            ids.extend(outcomes.into_iter().map(|outcome| outcome.unwrap().job.id));
        }
        assert_eq!((ids.len(), jobs(&database).await), (KEYS, (round * KEYS) as i64));
    }
}

async fn a_retry_has_room_after_a_cancel_in_the_same_batch(database: TestDatabase) {
    let store = database.store(StoreSettings { max_queued_jobs: 2, ..settings() }).await;
    let id = created(&*store, brand()).await.id;
    let [cancel, retry] = [Action::Cancel, Action::Retry].map(|action| Write { job_id: id, action });
    let outcomes = commit(&*store, &[cancel.clone(), retry.clone()]).await;
    assert_eq!(outcomes[1].as_ref().map(|committed| committed.job.status), Ok(JobStatus::Pending));
    created(&*store, brand()).await;
    let other = create(brand());
    let outcomes = commit(&*store, &[other, cancel, retry]).await;
    assert_eq!(outcomes[0], Err(Refusal::QueueFull { limit: 2 }));
}

async fn the_same_batch_again_accepts_one_retry_alone(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    commit_one(&*store, report(job.id, 1, Report::Fail(failure()))).await.unwrap();
    let retry = Write { job_id: job.id, action: Action::Retry };
    let (batch, writes) = (Uuid::new_v4(), [retry.clone(), retry.clone(), retry]);
    for again in [false, true] {
        let outcomes = store.commit(batch, &writes).await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().again, again);
        let refused = Err(Refusal::WrongState { status: JobStatus::Pending });
        assert_eq!(outcomes[1..], [refused.clone(), refused]);
    }
    assert_eq!(stored(&*store, job.id).await.last_seq, 4, "one more `queued`");
}

async fn the_same_batch_again_refuses_a_cancel_that_came_too_late(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let writes = [complete(job.id, 1), Write { job_id: job.id, action: Action::Cancel }];
    let batch = Uuid::new_v4();
    for again in [false, true] {
        let outcomes = store.commit(batch, &writes).await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().again, again);
        assert_eq!(outcomes[1], Err(Refusal::WrongState { status: JobStatus::Completed }));
    }
}
