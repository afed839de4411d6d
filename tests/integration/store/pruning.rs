//! Retention: deltas first, then history, of finished jobs alone.

use jobcast::event::EventName;
use jobcast::write::{Action, Write};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    deltas_of_finished_jobs_are_removed,
    history_is_removed_up_to_the_last_event,
    a_retried_job_is_pruned_again_when_it_is_over_again,
    jobs_without_deltas_do_not_hide_those_with,
);

fn long_ago() -> DateTime<Utc> {
    Utc::now() - HOUR
}

async fn names(store: &dyn Store, id: JobId) -> Vec<EventName> {
    store.events_after(Subject::Job(id), 0, 1000).await.unwrap().into_iter().map(|event| event.name).collect()
}

async fn deltas_of_finished_jobs_are_removed(database: TestDatabase) {
    use EventName::{Completed, Delta, Progress, Queued, Started};
    let store = database.store(settings()).await;
    let (over, running) = (processing(&*store).await.id, processing(&*store).await.id);
    for id in [over, running] {
        commit(&*store, &[delta(id, 1, "a"), progress(id, 1, 1, 5), delta(id, 1, "b")]).await;
    }
    commit_one(&*store, complete(over, 1)).await.unwrap();
    assert_eq!(store.prune(long_ago(), long_ago()).await.unwrap(), 0);
    assert_eq!(store.prune(in_an_hour(), long_ago()).await.unwrap(), 2);
    assert_eq!(names(&*store, over).await, [Queued, Started, Progress, Completed]);
    assert_eq!(names(&*store, running).await, [Queued, Started, Delta, Progress, Delta]);
    assert_eq!(stored(&*store, over).await.pruned_through, 0);
    assert_eq!(store.prune(in_an_hour(), long_ago()).await.unwrap(), 0);
}

async fn history_is_removed_up_to_the_last_event(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (over, running) = (processing(&*store).await.id, processing(&*store).await.id);
    commit(&*store, &[delta(over, 1, "a"), progress(over, 1, 1, 5)]).await;
    commit_one(&*store, complete(over, 1)).await.unwrap();
    assert_eq!(store.prune(long_ago(), in_an_hour()).await.unwrap(), 4);
    assert_eq!(seqs(&*store, over).await, [5]);
    assert_eq!(stored(&*store, over).await.pruned_through, 4);
    assert_eq!(seqs(&*store, running).await, [1, 2]);
    assert_eq!(stored(&*store, running).await.pruned_through, 0);
    assert_eq!(store.prune(in_an_hour(), in_an_hour()).await.unwrap(), 0);
    assert!(store.result_data(over).await.unwrap().is_some(), "the result is kept");
}

async fn a_retried_job_is_pruned_again_when_it_is_over_again(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = created(&*store, brand()).await;
    let write = |action| Write { job_id: job.id, action };
    commit_one(&*store, write(Action::Cancel)).await.unwrap();
    assert_eq!(store.prune(in_an_hour(), in_an_hour()).await.unwrap(), 1);
    commit_one(&*store, write(Action::Retry)).await.unwrap();
    assert_eq!(store.prune(in_an_hour(), in_an_hour()).await.unwrap(), 0);
    assert_eq!(seqs(&*store, job.id).await, [2, 3]);
    commit_one(&*store, write(Action::Cancel)).await.unwrap();
    assert_eq!(store.prune(in_an_hour(), in_an_hour()).await.unwrap(), 2);
    assert_eq!(seqs(&*store, job.id).await, [4]);
    assert_eq!(stored(&*store, job.id).await.pruned_through, 3);
}

async fn jobs_without_deltas_do_not_hide_those_with(database: TestDatabase) {
    let store = database.store(settings()).await;
    let creates: Vec<Write> = (0..450).map(|_| create(brand())).collect();
    commit(&*store, &creates).await;
    let cancels: Vec<Write> =
        creates.iter().map(|create| Write { job_id: create.job_id, action: Action::Cancel }).collect();
    commit(&*store, &cancels).await;
    let talkative = processing(&*store).await.id;
    commit_one(&*store, delta(talkative, 1, "a")).await.unwrap();
    commit_one(&*store, complete(talkative, 1)).await.unwrap();
    assert_eq!(store.prune(in_an_hour(), long_ago()).await.unwrap(), 1);
    let mut removed = 0;
    loop {
        let some = store.prune(in_an_hour(), in_an_hour()).await.unwrap();
        assert!(some <= 400, "a call is bounded: {some}");
        if some == 0 {
            break;
        }
        removed += some;
    }
    assert_eq!(removed, 450 + 2);
}
