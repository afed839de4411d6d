//! SQLite's recent events while they are sorted in a few at a time, which small batches have done.

use super::*;
use crate::databases::TestDatabase;

const RECENT: &str = "SELECT count(*) FROM recent_events";
const SORTED_IN: &str = "SELECT count(*) FROM job_events";

/// How many a small batch may wait for.
const A_FEW: i64 = 256;

/// Everything that the store tells of a job and its brand agrees, and its events are there, once and in order.
async fn assert_whole(store: &dyn Store, id: JobId, last_seq: i64) {
    assert_eq!(seqs(store, id).await, (1..=last_seq).collect::<Vec<_>>());
    let job = stored(store, id).await;
    assert_eq!(job.last_seq, last_seq);
    assert_eq!(store.brand_stream(job.brand_id).await.unwrap().last_seq, last_seq, "it has no other job");
    for cursor in [0, last_seq / 2, last_seq - 1] {
        let later = store.events_after(Subject::Brand(job.brand_id), cursor, 1000).await.unwrap();
        let positions = later.iter().map(|event| event.brand_seq);
        assert_eq!(positions.collect::<Vec<_>>(), (cursor + 1..=last_seq).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_batch_waits_for_a_few_that_are_sorted_in_and_nothing_is_missed() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    // Opened now, since that sorts all in.
    let beside = database.store(among_others()).await;
    // Its latest events are among the first: its row has to follow them.
    let silent = processing(&*store).await.id;
    for percent in [5, 35] {
        commit_one(&*store, progress(silent, 1, 1, percent)).await.unwrap();
    }
    let creates: Vec<Write> = (0..64).map(|_| create(brand())).collect();
    let ids: Vec<JobId> = creates.iter().map(|create| create.job_id).collect();
    commit(&*store, &creates).await;
    assert_eq!(claim_all(&*store).await.len(), 64);
    let mut last_seq = 2;
    while database.number(RECENT).await < 4200 {
        let writes: Vec<Write> = ids.iter().map(|id| delta(*id, 1, "x")).collect();
        assert!(commit(&*store, &writes).await.iter().all(Result::is_ok));
        last_seq += 1;
    }
    assert_eq!(database.number(SORTED_IN).await, 0, "large batches wait until it is worth while");

    let writer = ids[0];
    let mut written = last_seq;
    let mut sorted_in = 0;
    while database.number(RECENT).await >= 4096 {
        commit_one(&*store, delta(writer, 1, "y")).await.unwrap();
        written += 1;
        let now = database.number(SORTED_IN).await;
        assert!((1..=A_FEW).contains(&(now - sorted_in)), "{} were sorted in for one event", now - sorted_in);
        sorted_in = now;
    }
    commit_one(&*store, delta(writer, 1, "z")).await.unwrap();
    written += 1;
    assert_eq!(database.number(SORTED_IN).await, sorted_in, "there are no longer many");
    let silent_row = format!("SELECT last_seq + progress FROM ai_jobs WHERE id = {}", database.id_literal(silent.0));
    assert_eq!(database.number(&silent_row).await, 4 + 35);

    // As it is, after a crash, and as somebody else sees it.
    assert!(database.number(RECENT).await > 3000, "most are not sorted in");
    let mut store = store;
    for crashes in [false, true] {
        if crashes {
            // Without closing it.
            drop(store);
            store = database.store(settings()).await;
            assert_eq!(database.number(RECENT).await, 0, "what was left was sorted in");
        }
        assert_whole(&*store, silent, 4).await;
        assert_whole(&*store, writer, written).await;
        assert_whole(&*beside, writer, written).await;
        for id in &ids[1..] {
            assert_whole(&*store, *id, last_seq).await;
        }
    }
    assert_eq!(commit_one(&*store, delta(silent, 1, "y")).await.unwrap().events[0].seq, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_events_are_sorted_in_before_they_fill_memory() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let id = processing(&*store).await.id;
    let text = "x".repeat(64 << 10);
    for round in 1..=10 {
        let writes: Vec<Write> = (0..64).map(|_| delta(id, 1, &text)).collect();
        assert!(commit(&*store, &writes).await.iter().all(Result::is_ok));
        let recent = database.number("SELECT sum(length(data)) FROM recent_events").await;
        // At the most one batch more than the limit, each event with the members that all have.
        assert!(recent < (32 << 20) + 64 * (65 << 10), "{recent} bytes wait after {round} batches");
    }
    assert!(database.number(SORTED_IN).await > 0, "there were more than may wait");
    assert_eq!(seqs(&*store, id).await.len(), 2 + 640);
}
