//! Many viewers come at once: what they miss is read for all of them together, and what only the store can know is not
//! answered from memory.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use jobcast::event::{Seq, Subject};
use jobcast::event_log::EventLog;
use jobcast::hub::Keep;
use jobcast::job::JobId;
use jobcast::store::Store;
use jobcast::write::Action;

use crate::databases::TestDatabase;
use crate::harness::{
    CountingStore, LogServer, Reads, Received, assert_complete, on_both_databases, open, soon, stored,
};
use crate::resume::{earlier, parse};

/// How many events the history of a job has, most of them deltas in long runs.
const HISTORY: Seq = 500;

const JOBS: usize = 3;

on_both_databases!(
    a_storm_costs_reads_by_the_job_and_not_by_the_viewer,
    a_storm_over_sockets_costs_reads_by_the_job_and_not_by_the_viewer,
    a_storm_into_a_history_that_memory_cannot_hold_shares_its_reads,
    a_brands_storm_costs_no_more,
    what_is_known_is_not_read_and_what_is_doubted_is,
    an_event_that_went_by_unheard_is_read,
    a_kept_view_does_not_say_that_nothing_is_left,
    a_kept_view_does_not_say_that_a_cursor_is_unknown,
    a_view_is_not_older_than_what_its_reader_wrote,
);

/// Running jobs with a history.
async fn jobs_with_history(server: &LogServer) -> Vec<JobId> {
    let mut job_ids = Vec::new();
    for _ in 0..JOBS {
        job_ids.push(server.running_job().await);
    }
    for job_id in &job_ids {
        for number in 3..=HISTORY {
            match number % 100 {
                0..10 => server.progress(*job_id, &format!("page {number}")).await,
                _ => server.delta(*job_id, &format!("word{number} ")).await,
            };
        }
    }
    job_ids
}

/// What a viewer is to see: of a delta its text, of another event its seq.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    text: String,
    events: Vec<Seq>,
}

impl Seen {
    fn add(&mut self, received: &Received) {
        match received.data["text"].as_str() {
            Some(text) if received.event == "delta" => self.text.push_str(text),
            _ => self.events.push(received.id),
        }
    }
}

/// What a job's viewer misses after each cursor.
async fn missing_after(store: &dyn Store, job_id: JobId) -> Vec<Seen> {
    let all = earlier(&stored(store, job_id).await, Seq::MAX);
    let missing = |cursor: usize| {
        let mut seen = Seen::default();
        all[cursor..].iter().for_each(|received| seen.add(received));
        seen
    };
    (0..=all.len()).map(missing).collect()
}

async fn missing_of(store: &dyn Store, job_ids: &[JobId]) -> Vec<Vec<Seen>> {
    join_all(job_ids.iter().map(|job_id| missing_after(store, *job_id))).await
}

/// Each viewer has its own cursor, also in the middle of a run of deltas, and all come at once and stay until the last of
/// them has everything.
async fn storm(log: &EventLog, job_ids: &[JobId], missing: &[Vec<Seen>], viewers: usize) {
    let viewers = (0..viewers).map(|viewer| {
        let place = viewer % job_ids.len();
        let cursor = (viewer / job_ids.len()) as Seq * 7 % (HISTORY + 1);
        let mut frames = Box::pin(log.follow(Subject::Job(job_ids[place]), cursor));
        tokio::spawn(async move {
            let (mut seen, mut reached) = (Seen::default(), cursor);
            while reached < HISTORY {
                let received = parse(&frames.next().await.expect("the stream goes on"));
                assert!(received.id > reached, "in order");
                reached = received.id;
                seen.add(&received);
            }
            (place, cursor, seen, frames)
        })
    });
    for (place, cursor, seen, _frames) in all(viewers).await {
        assert_eq!(seen, missing[place][cursor as usize], "after {cursor}");
    }
}

async fn all<T>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
    let answers = soon("the last of them", join_all(tasks)).await;
    answers.into_iter().map(|answer| answer.expect("no viewer panics")).collect()
}

async fn a_storm_costs_reads_by_the_job_and_not_by_the_viewer(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let server = LogServer::start(store.clone()).await;
    let job_ids = jobs_with_history(&server).await;
    let missing = missing_of(store.as_ref(), &job_ids).await;
    store.take_reads();
    // The process has just begun, or all viewers were cut: nothing is in memory.
    for _ in 0..2 {
        storm(&server.event_log, &job_ids, &missing, 3000).await;
        assert_reads_of_jobs(&store, 10);
    }
    // Somebody has stayed.
    let stay = job_ids.iter().map(|job_id| {
        let mut stays = server.event_log.subscribe(Subject::Job(*job_id), 0);
        let log = server.event_log.clone();
        async move {
            assert!(log.read_after(stays.subject(), HISTORY).await.is_some_and(|frames| frames.is_empty()));
            assert!(stays.try_hear().is_none());
            stays
        }
    });
    let stay = join_all(stay).await;
    storm(&server.event_log, &job_ids, &missing, 3000).await;
    assert_reads_of_jobs(&store, 10);
    storm(&server.event_log, &job_ids, &missing, 3000).await;
    assert_eq!(store.take_reads(), Reads::default(), "all of it is in memory by now");
    drop(stay);
    // Another process takes over: a new log over the same store.
    let server = LogServer::start(store.clone()).await;
    storm(&server.event_log, &job_ids, &missing, 3000).await;
    assert_reads_of_jobs(&store, 10);
}

fn assert_reads_of_jobs(store: &CountingStore, of_each: u64) {
    let reads = store.take_reads();
    assert!((JOBS as u64..=of_each * JOBS as u64).contains(&reads.pages), "{reads:?}");
}

/// Their first frames are read together too.
async fn a_storm_over_sockets_costs_reads_by_the_job_and_not_by_the_viewer(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let server = LogServer::start(store.clone()).await;
    let job_ids = jobs_with_history(&server).await;
    let missing = missing_of(store.as_ref(), &job_ids).await;
    for at_least in [JOBS as u64, 0] {
        store.take_reads();
        let viewers = (0..450).map(|viewer| {
            let (client, place) = (server.client(), viewer % JOBS);
            let (id, cursor) = (job_ids[place].to_string(), (viewer / JOBS) as Seq * 3 + 1);
            tokio::spawn(async move {
                let mut reader = client.events(&id, Some(cursor)).await;
                let sync = reader.sync().await;
                assert_eq!(
                    (sync.id, &sync.data["resume"], &sync.data["last_seq"]),
                    (cursor, &"exact".into(), &HISTORY.into())
                );
                let (mut seen, mut reached) = (Seen::default(), cursor);
                while reached < HISTORY {
                    let received = reader.next().await.expect("the stream goes on");
                    assert!(received.id > reached, "in order");
                    reached = received.id;
                    seen.add(&received);
                }
                (place, cursor, seen, reader)
            })
        });
        let viewers = all(viewers).await;
        let reads = store.take_reads();
        // A view serves for a second, and the storm may take some. The second storm may find in memory what the first left.
        assert!((at_least..=10 * JOBS as u64).contains(&reads.pages), "{reads:?}");
        assert!((at_least..=30 * JOBS as u64).contains(&reads.jobs), "{reads:?}");
        for (place, cursor, seen, _) in &viewers {
            assert_eq!(*seen, missing[*place][*cursor as usize], "after {cursor}");
        }
        // All are cut at once here.
    }
}

async fn a_storm_into_a_history_that_memory_cannot_hold_shares_its_reads(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let keep = Keep { frames: 20, bytes: 10_000, bytes_of_all: 25_000, bytes_when_full: 2_000 };
    let server = LogServer::keeping(store.clone(), keep).await;
    let job_ids = jobs_with_history(&server).await;
    let missing = missing_of(store.as_ref(), &job_ids).await;
    store.take_reads();
    storm(&server.event_log, &job_ids, &missing, 3000).await;
    // Whoever comes while a page is read shares it; how many do depends on how fast they come.
    let reads = store.take_reads();
    assert!(reads.pages < 1000, "{reads:?}");
    assert_eq!(server.hub.held(), 0, "nobody watches any more");
}

async fn a_brands_storm_costs_no_more(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let server = LogServer::start(store.clone()).await;
    let job_id = jobs_with_history(&server).await[0];
    let brand_id = store.job(job_id).await.unwrap().unwrap().job.brand_id;
    store.take_reads();
    let viewers = (0..300).map(|viewer| {
        let client = server.client();
        let url = client.at(&format!("/api/brands/{brand_id}/events"));
        tokio::spawn(async move {
            let mut reader = crate::harness::Reader::open(&client.http, url, Some(viewer + 1)).await;
            assert_eq!(reader.sync().await.data["resume"], "exact");
            let mut words = String::new();
            loop {
                let received = reader.next().await.expect("the stream goes on");
                words.push_str(received.data["text"].as_str().unwrap_or_default());
                if received.id == HISTORY {
                    return (viewer + 1, words, reader);
                }
            }
        })
    });
    // They all stay until the last of them has everything: memory keeps only what somebody watches.
    for (cursor, words, _stays) in all(viewers).await {
        let missing = (cursor.max(2) + 1..=HISTORY).filter(|number| number % 100 >= 10);
        assert_eq!(words, missing.map(|number| format!("word{number} ")).collect::<String>(), "after {cursor}");
    }
    let reads = store.take_reads();
    assert!((1..=10).contains(&reads.pages) && (1..=30).contains(&reads.brands), "{reads:?}");
}

/// Takes what is there for the reader, without waiting for more.
async fn what_comes(log: &EventLog, subject: Subject, cursor: Seq) -> Vec<Seq> {
    let frames = soon("a page", log.read_after(subject, cursor)).await.expect("the database answers");
    frames.iter().map(|frame| frame.seq).collect()
}

async fn what_is_known_is_not_read_and_what_is_doubted_is(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let (server, elsewhere) = (LogServer::start(store.clone()).await, LogServer::start(store.clone()).await);
    let job_id = server.running_job().await;
    let (log, subject) = (&server.event_log, Subject::Job(job_id));
    let mut live = log.subscribe(subject, 0);
    assert_eq!(what_comes(log, subject, 0).await, [1, 2]);
    assert_eq!(store.take_reads().pages, 1);
    assert_eq!(what_comes(log, subject, 1).await, [2]);
    assert!(what_comes(log, subject, 2).await.is_empty());
    assert_eq!(server.progress(job_id, "here").await, 3);
    assert_eq!(what_comes(log, subject, 0).await, [1, 2, 3]);
    assert!(what_comes(log, subject, 3).await.is_empty());
    assert_eq!(store.take_reads().pages, 0, "all of it is known");

    // It cannot be known here until it is announced, which comes to a doubt where it is much.
    assert_eq!(elsewhere.progress(job_id, "elsewhere").await, 4);
    server.hub.publish_doubt(subject);
    assert_eq!(what_comes(log, subject, 0).await, [1, 2, 3]);
    assert_eq!(what_comes(log, subject, 3).await, [4]);
    assert!(what_comes(log, subject, 4).await.is_empty());
    assert_eq!(store.take_reads().pages, 1);
    assert!(matches!(live.hear().await, jobcast::hub::Heard::Frame(frame) if frame.seq == 3));
    assert!(matches!(live.hear().await, jobcast::hub::Heard::Doubt));
}

/// A reader that follows, and one that comes later, find what lies in the gap.
async fn an_event_that_went_by_unheard_is_read(database: TestDatabase) {
    let store = open(&database).await;
    let (server, elsewhere) = (LogServer::start(store.clone()).await, LogServer::start(store.clone()).await);
    let job_id = server.running_job().await;
    let mut follows = Box::pin(server.event_log.follow(Subject::Job(job_id), 0));
    let mut history = Vec::new();
    for _ in 0..2 {
        history.push(parse(&soon("an event", follows.next()).await.expect("the stream goes on")));
    }
    // It waits for a third one.
    assert!(futures_util::FutureExt::now_or_never(follows.next()).is_none());
    elsewhere.progress(job_id, "elsewhere").await;
    elsewhere.delta(job_id, "elsewhere").await;
    server.progress(job_id, "here").await;
    let later = server.event_log.follow(Subject::Job(job_id), 2);
    server.fail(job_id).await;
    let rest: Vec<Received> = soon("the end", follows.map(|frame| parse(&frame)).collect()).await;
    history.extend(rest.clone());
    let stored = stored(store.as_ref(), job_id).await;
    assert_complete(&history, &stored);
    let later: Vec<Received> = soon("the end", later.map(|frame| parse(&frame)).collect()).await;
    assert_eq!(later, rest);
}

/// Another server puts the job back in the queue, of which this one has not heard.
async fn a_kept_view_does_not_say_that_nothing_is_left(database: TestDatabase) {
    let (server, elsewhere, job_id) = two_servers_that_know_a_failed_job(&database).await;
    let _watches = watched_to_the_end(&server, job_id, 3).await;
    let client = server.client();
    assert_eq!(client.events(&job_id.to_string(), Some(3)).await.status, 204);
    let seen = read_until(&client, job_id, 1, 3).await;
    assert_eq!(seen.data["last_seq"], 3);
    assert_eq!(elsewhere.append(job_id, Action::Retry).await, 4);
    let mut reader = client.events(&job_id.to_string(), Some(3)).await;
    assert_eq!(reader.status, 200, "the job is not over");
    assert_eq!(reader.sync().await.data["last_seq"], 4);
    assert_eq!(reader.next().await.map(|received| received.id), Some(4));
}

async fn a_kept_view_does_not_say_that_a_cursor_is_unknown(database: TestDatabase) {
    let (server, elsewhere, job_id) = two_servers_that_know_a_failed_job(&database).await;
    elsewhere.append(job_id, Action::Retry).await;
    let _watches = watched_to_the_end(&server, job_id, 4).await;
    let client = server.client();
    read_until(&client, job_id, 1, 4).await;
    // A viewer of the other server has seen what this one has not heard of, and comes here.
    assert_eq!(elsewhere.append(job_id, Action::Cancel).await, 5);
    assert_eq!(elsewhere.append(job_id, Action::Retry).await, 6);
    let mut reader = client.events(&job_id.to_string(), Some(5)).await;
    let sync = reader.sync().await;
    assert_eq!((sync.id, &sync.data["resume"], &sync.data["last_seq"]), (5, &"exact".into(), &6.into()));
    assert_eq!(reader.next().await.map(|received| received.id), Some(6));
}

async fn two_servers_that_know_a_failed_job(database: &TestDatabase) -> (LogServer, LogServer, JobId) {
    let store: Arc<dyn Store> = open(database).await;
    let (server, elsewhere) = (LogServer::start(store.clone()).await, LogServer::start(store).await);
    let job_id = server.running_job().await;
    assert_eq!(server.fail(job_id).await, 3);
    (server, elsewhere, job_id)
}

/// Keeps a job watched on a server that knows its end.
async fn watched_to_the_end(server: &LogServer, job_id: JobId, last: Seq) -> jobcast::hub::Subscription {
    let live = server.event_log.subscribe(Subject::Job(job_id), 0);
    assert_eq!(what_comes(&server.event_log, Subject::Job(job_id), 0).await, (1..=last).collect::<Vec<_>>());
    assert!(what_comes(&server.event_log, Subject::Job(job_id), last).await.is_empty());
    live
}

/// Comes with a cursor and leaves with the last event; answers the first frame.
async fn read_until(client: &crate::harness::Client, job_id: JobId, cursor: Seq, last: Seq) -> Received {
    let mut reader = client.events(&job_id.to_string(), Some(cursor)).await;
    let sync = reader.sync().await;
    while reader.next().await.expect("the stream goes on").id < last {}
    sync
}

/// Whoever has written something sees it in the first frame of a stream that is opened then.
async fn a_view_is_not_older_than_what_its_reader_wrote(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let client = server.client();
    let _watches = watched_to_the_end(&server, job_id, 2).await;
    for number in 3..40 {
        assert_eq!(server.progress(job_id, &format!("page {number}")).await, number);
        let sync = client.events(&job_id.to_string(), Some(1)).await.sync().await;
        assert_eq!(sync.data["last_seq"], number);
        assert_eq!(sync.data["job"]["current_step"], format!("Step 1/3: page {number}"));
    }
}

mod shared {
    //! What another instance may do meanwhile matters where others share the database.

    use super::*;

    /// This server has shown the end and knows of nothing after it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stream_does_not_end_before_a_retry_on_another_instance() {
        let database = TestDatabase::postgres().await;
        let (server, elsewhere, job_id) = two_servers_that_know_a_failed_job(&database).await;
        let _watches = watched_to_the_end(&server, job_id, 3).await;
        assert_eq!(elsewhere.append(job_id, Action::Retry).await, 4);
        let mut frames = Box::pin(server.event_log.follow(Subject::Job(job_id), 2));
        for seq in [3, 4] {
            let frame = soon("an event", frames.next()).await;
            assert_eq!(frame.map(|frame| frame.seq), Some(seq));
        }
    }

    /// All who see a job's end make sure together that it is the end.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_end_of_a_job_is_looked_up_together() {
        let database = TestDatabase::postgres().await;
        let store = CountingStore::over(open(&database).await);
        let server = LogServer::start(store.clone()).await;
        let job_id = server.running_job().await;
        let viewers: Vec<_> = (0..2000)
            .map(|_| {
                let log = server.event_log.clone();
                let frames = log.follow(Subject::Job(job_id), 0);
                tokio::spawn(async move { frames.map(|frame| frame.seq).collect::<Vec<_>>().await })
            })
            .collect();
        server.progress(job_id, "here").await;
        server.fail(job_id).await;
        for seen in all(viewers.into_iter()).await {
            assert_eq!(seen, [1, 2, 3, 4]);
        }
        let reads = store.take_reads();
        // Some in each second that it takes; it would be one for each viewer and more.
        assert!(reads.pages <= 1000, "{reads:?}");
    }
}
