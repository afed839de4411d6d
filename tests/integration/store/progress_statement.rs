//! Progress on PostgreSQL is written by one statement over what the process knows of the jobs: how many statements a batch
//! needs, and that what another instance has changed is seen.

use jobcast::job::JobStatus;
use jobcast::write::{Action, Refusal, Write};

use super::statements::Statements;
use super::*;
use crate::databases::TestDatabase;

/// Jobs of as many brands, all in their first attempt.
async fn jobs_under_way(store: &dyn Store, count: usize) -> Vec<JobId> {
    let writes: Vec<Write> = (0..count).map(|_| create(brand())).collect();
    commit(store, &writes).await;
    claim_all(store).await;
    writes.into_iter().map(|write| write.job_id).collect()
}

/// On one thread, so that the statements of other tests are not counted.
#[tokio::test]
async fn a_batch_takes_as_many_statements_for_many_jobs_as_for_one() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let jobs = jobs_under_way(&*store, 200).await;
    let statements = Statements::default();
    let _counted = tracing::subscriber::set_default(statements.clone());
    statements.until_counted(&*store).await;
    let progress_of = |jobs: &[JobId]| -> Vec<Write> { jobs.iter().map(|id| delta(*id, 1, "a")).collect() };

    commit(&*store, &progress_of(&jobs)).await;
    assert_eq!(statements.take(), 2, "the jobs, which are not known yet, and the progress");
    for count in [1, 20, 200] {
        commit(&*store, &[progress_of(&jobs[..count]), progress_of(&jobs[..count])].concat()).await;
        assert_eq!(statements.take(), 1, "progress of {count} jobs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_instance_has_written_is_not_overwritten() {
    let database = TestDatabase::postgres().await;
    let (here, there) = (database.store(settings()).await, database.store(settings()).await);
    let job = processing(&*here).await;
    let neighbour = processing(&*here).await;
    commit(&*here, &[delta(job.id, 1, "here"), delta(neighbour.id, 1, "here")]).await;
    commit_one(&*there, progress(job.id, 1, 2, 40)).await.unwrap();
    let outcomes = commit(&*here, &[delta(job.id, 1, "here again"), delta(neighbour.id, 1, "here again")]).await;
    let after = &outcomes[0].as_ref().unwrap().job;
    assert_eq!((after.last_seq, after.progress, after.step), (5, 40, 2));
    assert_eq!(stored(&*here, job.id).await, *after);
    assert_eq!(seqs(&*here, job.id).await, [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&*here, neighbour.id).await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_another_instance_ended_is_fenced() {
    let database = TestDatabase::postgres().await;
    let (here, there) = (database.store(settings()).await, database.store(settings()).await);
    let (cancelled, retried, by_hand) = (processing(&*here).await, processing(&*here).await, processing(&*here).await);
    let all = [cancelled.id, retried.id, by_hand.id];
    commit(&*here, &all.map(|id| delta(id, 1, "known here"))).await;
    commit_one(&*there, Write { job_id: cancelled.id, action: Action::Cancel }).await.unwrap();
    commit_one(&*there, report(retried.id, 1, Report::Release)).await.unwrap();
    assert_eq!(claim_all(&*there).await.len(), 1);
    database.execute(&format!("UPDATE ai_jobs SET status = 'failed' WHERE id = '{}'", by_hand.id)).await;
    for id in all {
        assert_eq!(commit_one(&*here, delta(id, 1, "too late")).await, Err(Refusal::Fenced { attempt: 1 }));
    }
    assert_eq!(stored(&*here, cancelled.id).await.status, JobStatus::Cancelled);
    let outcomes = commit(&*here, &[delta(retried.id, 1, "too late"), delta(retried.id, 2, "in time")]).await;
    assert_eq!(outcomes[0], Err(Refusal::Fenced { attempt: 1 }));
    assert_eq!(outcomes[1].as_ref().unwrap().events.len(), 1);
    assert_eq!(seqs(&*here, retried.id).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_progress_whose_answer_was_lost_is_not_repeated() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let jobs = jobs_under_way(&*store, 3).await;
    let (batch, writes) = (Uuid::new_v4(), [delta(jobs[0], 1, "a"), delta(jobs[1], 1, "b"), delta(jobs[0], 1, "c")]);
    commit(&*store, &writes).await;
    for again in [false, true, true] {
        let outcomes = store.commit(batch, &writes).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap().again == again), "{again}: {outcomes:?}");
    }
    // Also by a process that knows nothing of the first try.
    let outcomes = database.store(settings()).await.commit(batch, &writes).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap().again), "{outcomes:?}");
    assert_eq!(seqs(&*store, jobs[0]).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_a_brand_follow_its_events_through_all_kinds_of_batches() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let (brand_id, other) = (brand(), brand());
    let writes = [create(brand_id), create(brand_id), create(other)];
    commit(&*store, &writes).await;
    claim_all(&*store).await;
    let [a, b, c] = writes.map(|write| write.job_id);
    for _ in 0..3 {
        let writes = [delta(b, 1, "x"), delta(c, 1, "x"), delta(a, 1, "x"), delta(b, 1, "x")];
        let answered = commit(&*store, &writes).await;
        let answered: Vec<_> = answered.into_iter().flat_map(|outcome| outcome.unwrap().events).collect();
        let stored = store.events_after(Subject::Brand(brand_id), 0, 1000).await.unwrap();
        assert!(answered.iter().filter(|event| event.job_id != c).all(|event| stored.contains(event)), "{answered:?}");
    }
    // A brand from before brands had streams: its row is made, and its numbers begin with it.
    database.execute(&format!("DELETE FROM brand_streams WHERE brand_id = '{other}'")).await;
    database.execute(&format!("UPDATE job_events SET brand_seq = NULL WHERE brand_id = '{other}'")).await;
    commit(&*store, &[delta(a, 1, "x"), delta(c, 1, "x")]).await;
    let positions = async |brand_id| -> Vec<i64> {
        let events = store.events_after(Subject::Brand(brand_id), 0, 1000).await.unwrap();
        events.into_iter().map(|event| event.brand_seq).collect()
    };
    assert_eq!(positions(brand_id).await, (1..=14).collect::<Vec<_>>());
    assert_eq!(positions(other).await, [1]);
}
