//! Batches: sequences, refusals, fencing, results, and what a second try does.

use std::collections::HashSet;
use std::sync::Arc;

use jobcast::event::EventName;
use jobcast::job::{JobId, JobStatus};
use jobcast::store::{Store, StoreError, StoreSettings};
use jobcast::write::{Action, Refusal, Report, Write};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    a_created_job_is_stored_with_its_first_event,
    the_queue_limit_counts_what_waits,
    a_batch_appends_in_order_and_without_a_gap,
    a_job_created_and_cancelled_in_one_batch_is_cancelled,
    a_cancelled_attempt_cannot_write,
    a_retry_starts_over_but_keeps_what_is_stored,
    the_first_output_of_a_step_stays,
    completing_stores_rows_result_and_event_together,
    a_failure_is_stored_with_its_reason,
    the_same_batch_again_changes_nothing,
    a_poisoned_write_rejects_its_batch_whole,
    nul_characters_are_replaced_everywhere,
    large_batches_are_stored_whole,
    two_stores_writing_the_same_jobs_give_each_a_full_sequence,
    dropped_commits_are_whole_or_nothing,
    a_write_to_an_unknown_job_is_refused,
);

async fn a_created_job_is_stored_with_its_first_event(database: TestDatabase) {
    let store = database.store(settings()).await;
    let write = create(brand());
    let committed = commit_one(&*store, write.clone()).await.unwrap();
    assert!(!committed.again);
    assert_eq!(committed.job.status, JobStatus::Pending);
    assert_eq!(stored(&*store, write.job_id).await, committed.job);
    assert_eq!(store.events_after(Subject::Job(write.job_id), 0, 10).await.unwrap(), committed.events);
    assert_eq!(committed.events[0].name, EventName::Queued);
    let claimed = claim_all(&*store).await;
    assert_eq!(claimed[0].input_data, json!({"url": "https://example.com", "max_pages": 15}));
}

async fn the_queue_limit_counts_what_waits(database: TestDatabase) {
    let store = database.store(StoreSettings { max_queued_jobs: 3, ..settings() }).await;
    created(&*store, brand()).await;
    let outcomes = commit(&*store, &[create(brand()), create(brand()), create(brand())]).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok());
    assert_eq!(outcomes[2], Err(Refusal::QueueFull { limit: 3 }));
    assert_eq!(commit_one(&*store, create(brand())).await, Err(Refusal::QueueFull { limit: 3 }));
    assert_eq!(claim_all(&*store).await.len(), 3);
    created(&*store, brand()).await;
    assert_eq!(store.jobs(&Default::default(), None, 100).await.unwrap().len(), 4);
}

async fn a_batch_appends_in_order_and_without_a_gap(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (first, second) = (processing(&*store).await.id, processing(&*store).await.id);
    let writes = [
        progress(first, 1, 1, 10),
        delta(second, 1, "a"),
        delta(first, 1, "b"),
        progress(second, 1, 2, 40),
        delta(first, 1, "c"),
    ];
    let outcomes = commit(&*store, &writes).await;
    let answered: Vec<i64> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().events[0].seq).collect();
    assert_eq!(answered, [3, 3, 4, 4, 5]);
    for id in [first, second] {
        let events = store.events_after(Subject::Job(id), 2, 100).await.unwrap();
        let published: Vec<_> = outcomes
            .iter()
            .flat_map(|outcome| outcome.as_ref().unwrap().events.clone())
            .filter(|event| event.job_id == id)
            .collect();
        assert_eq!(events, published);
        assert_eq!(stored(&*store, id).await.last_seq, events.last().unwrap().seq);
    }
    assert_eq!(stored(&*store, first).await, outcomes[4].as_ref().unwrap().job);
    assert_eq!(stored(&*store, second).await.current_step, "Step 2/3: Analyzing the site");
}

async fn a_job_created_and_cancelled_in_one_batch_is_cancelled(database: TestDatabase) {
    let store = database.store(settings()).await;
    let write = create(brand());
    let cancel = Write { job_id: write.job_id, action: Action::Cancel };
    let outcomes = commit(&*store, &[write.clone(), cancel]).await;
    let job = stored(&*store, write.job_id).await;
    assert_eq!(job, outcomes[1].as_ref().unwrap().job);
    assert_eq!(job.status, JobStatus::Cancelled);
    assert!(job.completed_at.is_some());
    assert_eq!(seqs(&*store, job.id).await, [1, 2]);
    assert!(claim_all(&*store).await.is_empty());
}

async fn a_cancelled_attempt_cannot_write(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    commit_one(&*store, Write { job_id: job.id, action: Action::Cancel }).await.unwrap();
    let late = [delta(job.id, 1, "late"), complete(job.id, 1), report(job.id, 1, Report::Fail(failure()))];
    for outcome in commit(&*store, &late).await {
        assert_eq!(outcome, Err(Refusal::Fenced { attempt: 1 }));
    }
    assert_eq!(stored(&*store, job.id).await.status, JobStatus::Cancelled);
    assert_eq!(seqs(&*store, job.id).await, [1, 2, 3]);
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, 0);
}

async fn a_retry_starts_over_but_keeps_what_is_stored(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let output = Report::StepOutput {
        name: "analyze".to_owned(),
        output: json!({"pages": 3}),
        took: Duration::from_millis(1500),
    };
    commit_one(&*store, report(job.id, 1, output)).await.unwrap();
    commit_one(&*store, report(job.id, 1, Report::Fail(failure()))).await.unwrap();
    let retried = commit_one(&*store, Write { job_id: job.id, action: Action::Retry }).await.unwrap();
    assert_eq!(stored(&*store, job.id).await, retried.job);
    assert_eq!(retried.job.error_message, None);
    assert_eq!(store.step_output(job.id, "analyze").await.unwrap(), Some(json!({"pages": 3})));
    let claimed = claim_all(&*store).await;
    assert_eq!((claimed[0].job.id, claimed[0].job.attempt), (job.id, 2));
    assert_eq!(commit_one(&*store, delta(job.id, 1, "late")).await, Err(Refusal::Fenced { attempt: 1 }));
}

async fn the_first_output_of_a_step_stays(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let output = |output| Report::StepOutput { name: "analyze".to_owned(), output, took: Duration::from_millis(1500) };
    assert_eq!(store.step_output(job.id, "analyze").await.unwrap(), None);
    commit(&*store, &[report(job.id, 1, output(json!(null))), report(job.id, 1, output(json!("second")))]).await;
    commit_one(&*store, report(job.id, 1, output(json!("third")))).await.unwrap();
    assert_eq!(store.step_output(job.id, "analyze").await.unwrap(), Some(json!(null)));
    assert_eq!(store.step_output(job.id, "extract").await.unwrap(), None);
    assert_eq!(stored(&*store, job.id).await.last_seq, 2, "an output is no event");
}

async fn completing_stores_rows_result_and_event_together(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let result = result();
    assert_eq!(store.result_data(job.id).await.unwrap(), None);
    let committed = commit_one(&*store, report(job.id, 1, Report::Complete(result.clone()))).await.unwrap();
    assert_eq!(stored(&*store, job.id).await, committed.job);
    assert_eq!(committed.job.result_id, Some(result.result_id));
    assert_eq!(store.result_data(job.id).await.unwrap(), Some(result.result_data));
    let events = store.events_after(Subject::Job(job.id), 2, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.name).collect::<Vec<_>>(), [EventName::Completed]);
    let rows = "SELECT count(*) FROM brand_intelligence
                WHERE brand_name = 'Acme' AND tagline IS NULL AND pages_analyzed = 7
                      AND analysis_confidence > 0.86 AND analysis_confidence < 0.88";
    assert_eq!(database.number(rows).await, 1);
    let of_the_job = "SELECT count(*) FROM brand_intelligence AS b
                      JOIN ai_jobs AS j ON j.result_id = b.id AND j.brand_id = b.brand_id";
    assert_eq!(database.number(of_the_job).await, 1);
}

async fn a_failure_is_stored_with_its_reason(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let committed = commit_one(&*store, report(job.id, 1, Report::Fail(failure()))).await.unwrap();
    let job = stored(&*store, job.id).await;
    assert_eq!(job, committed.job);
    assert_eq!(job.error_message.as_deref(), Some("The upstream is busy"));
    assert_eq!(job.error_code.as_deref(), Some("overloaded"));
    assert_eq!(store.result_data(job.id).await.unwrap(), None);
    assert!(store.heartbeat(&[(job.id, 1)]).await.unwrap().is_empty());
}

async fn the_same_batch_again_changes_nothing(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (running, finishing) = (processing(&*store).await.id, processing(&*store).await.id);
    let batch = Uuid::new_v4();
    let writes = [create(brand()), delta(running, 1, "a"), delta(running, 1, "b"), complete(finishing, 1)];
    let first: Vec<_> = store.commit(batch, &writes).await.unwrap().into_iter().map(Result::unwrap).collect();
    let second: Vec<_> = store.commit(batch, &writes).await.unwrap().into_iter().map(Result::unwrap).collect();
    assert!(first.iter().all(|committed| !committed.again));
    assert!(second.iter().all(|committed| committed.again && committed.events.is_empty()));
    assert_eq!(second[0].job, first[0].job);
    assert_eq!(second[2].job, first[2].job);
    assert_eq!(seqs(&*store, writes[0].job_id).await, [1]);
    assert_eq!(seqs(&*store, running).await, [1, 2, 3, 4]);
    assert_eq!(seqs(&*store, finishing).await, [1, 2, 3]);
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, 1);
    let claimed = claim_all(&*store).await;
    assert_eq!(claimed.len(), 1);
    let third = store.commit(batch, &writes[..1]).await.unwrap();
    assert!(third[0].as_ref().unwrap().again, "a claim in between does not hide the batch");
}

async fn a_poisoned_write_rejects_its_batch_whole(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (good, bad, bystander) =
        (processing(&*store).await.id, processing(&*store).await.id, processing(&*store).await.id);
    let result = result();
    commit_one(&*store, report(good, 1, Report::Complete(result.clone()))).await.unwrap();
    // A row with an id that is taken.
    let writes = [create(brand()), delta(bystander, 1, "a"), report(bad, 1, Report::Complete(result))];
    let refused = store.commit(Uuid::new_v4(), &writes).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    assert_eq!(store.job(writes[0].job_id).await.unwrap(), None);
    assert_eq!(seqs(&*store, writes[0].job_id).await, [] as [i64; 0]);
    assert_eq!(seqs(&*store, bystander).await, [1, 2]);
    assert_eq!(stored(&*store, bad).await.status, JobStatus::Processing);
    for outcome in commit(&*store, &writes[..2]).await {
        outcome.unwrap();
    }
}

async fn nul_characters_are_replaced_everywhere(database: TestDatabase) {
    let store = database.store(settings()).await;
    let mut new = new_job(brand());
    new.input_data = json!({"url\0": "a\0b"});
    let id = JobId::new();
    commit_one(&*store, Write { job_id: id, action: Action::Create(new) }).await.unwrap();
    let claimed = claim_all(&*store).await;
    assert_eq!(claimed[0].input_data, json!({"url\u{FFFD}": "a\u{FFFD}b"}));

    let mut result = result();
    result.result_data = json!({"deep": [{"text": "\0"}]});
    let values = &mut result.rows[0].values;
    values.insert("brand_name".to_owned(), json!("Ac\0me"));
    values.insert("values".to_owned(), json!(["\0"]));
    let writes = [
        delta(id, 1, "x\0y and \\u0000 spelt out"),
        report(
            id,
            1,
            Report::Progress(Progress { step: 1, percent: 1, text: "\0".to_owned(), detail: json!({"k": "\0"}) }),
        ),
        report(
            id,
            1,
            Report::StepOutput { name: "s\0".to_owned(), output: json!("\0"), took: Duration::from_millis(1500) },
        ),
        report(id, 1, Report::Complete(result)),
    ];
    let outcomes = commit(&*store, &writes).await;
    let published: Vec<_> = outcomes.into_iter().flat_map(|outcome| outcome.unwrap().events).collect();
    let events = store.events_after(Subject::Job(id), 2, 10).await.unwrap();
    assert_eq!(events, published, "what is published is what is stored");
    assert!(events.iter().all(|event| !event.data.replace("\\\\u0000", "").contains("\\u0000")), "{events:?}");
    assert!(events[0].data.contains("x\u{FFFD}y and \\\\u0000 spelt out"), "{}", events[0].data);
    assert_eq!(store.step_output(id, "s\u{FFFD}").await.unwrap(), Some(json!("\u{FFFD}")));
    assert_eq!(store.result_data(id).await.unwrap(), Some(json!({"deep": [{"text": "\u{FFFD}"}]})));

    let failing = processing(&*store).await.id;
    let failure = Failure { message: "bad\0".to_owned(), code: "c\0".to_owned() };
    commit_one(&*store, report(failing, 1, Report::Fail(failure))).await.unwrap();
    assert_eq!(stored(&*store, failing).await.error_message.as_deref(), Some("bad\u{FFFD}"));
}

async fn large_batches_are_stored_whole(database: TestDatabase) {
    let store = database.store(settings()).await;
    let creates: Vec<Write> = (0..600).map(|_| create(brand())).collect();
    assert!(commit(&*store, &creates).await.iter().all(Result::is_ok));
    assert_eq!(claim_all(&*store).await.len(), 600);
    let ids: Vec<JobId> = creates.iter().map(|write| write.job_id).collect();
    let writes: Vec<Write> = (0..3000).map(|n| delta(ids[n % ids.len()], 1, &n.to_string())).collect();
    assert!(commit(&*store, &writes).await.iter().all(Result::is_ok));
    for id in &ids {
        assert_eq!(seqs(&*store, *id).await, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(stored(&*store, *id).await.last_seq, 7);
    }
}

async fn two_stores_writing_the_same_jobs_give_each_a_full_sequence(database: TestDatabase) {
    const WRITERS: usize = 4;
    const BATCHES: usize = 40;
    let first = database.store(among_others()).await;
    let second = database.store(among_others()).await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(processing(&*first).await.id);
    }
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store: Arc<dyn Store> = if writer % 2 == 0 { first.clone() } else { second.clone() };
        let mut ids = ids.clone();
        if writer >= WRITERS / 2 {
            ids.reverse();
        }
        tasks.push(tokio::spawn(async move {
            let mut published = Vec::new();
            for n in 0..BATCHES {
                let writes: Vec<Write> = ids.iter().map(|id| delta(*id, 1, &format!("{writer}.{n}"))).collect();
                for outcome in commit_until_answered(&*store, Uuid::new_v4(), &writes).await {
                    published.extend(outcome.unwrap().events);
                }
            }
            published
        }));
    }
    let mut published = Vec::new();
    for task in tasks {
        published.extend(task.await.unwrap());
    }
    let all: Vec<i64> = (1..=(2 + WRITERS * BATCHES) as i64).collect();
    for id in ids {
        assert_eq!(seqs(&*first, id).await, all);
        let of_job: HashSet<i64> = published.iter().filter(|event| event.job_id == id).map(|event| event.seq).collect();
        assert_eq!(of_job.len(), WRITERS * BATCHES, "no seq was given twice");
    }
}

async fn dropped_commits_are_whole_or_nothing(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    drop_commits_at_many_moments(&*store, job.id).await;
    let committed = commit_until_answered(&*store, Uuid::new_v4(), &[delta(job.id, 1, "last")]).await;
    let last = committed[0].as_ref().unwrap().job.last_seq;
    eventually("the last event is seen by others", async || {
        let seqs = seqs(&*store, job.id).await;
        (seqs == (1..=last).collect::<Vec<_>>()).then_some(())
    })
    .await;
}

async fn a_write_to_an_unknown_job_is_refused(database: TestDatabase) {
    let store = database.store(settings()).await;
    let id = JobId::new();
    for action in [Action::Cancel, Action::Retry, Action::Reclaim(1), Action::Attempt(1, Report::Release)] {
        assert_eq!(commit_one(&*store, Write { job_id: id, action }).await, Err(Refusal::NotFound));
    }
    assert_eq!(store.job(id).await.unwrap(), None);
    assert_eq!(store.result_data(id).await.unwrap(), None);
    assert!(store.events_after(Subject::Job(id), 0, 10).await.unwrap().is_empty());
    assert!(commit(&*store, &[]).await.is_empty());
}
