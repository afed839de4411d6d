//! A viewer on another instance than the job's: every event, once and in order, with or without announcements.

use std::time::Duration;

use super::*;
use crate::harness::Proxy;

/// How many viewers are on the other instance.
const VIEWERS: usize = 50;

/// A query for the connections that listen.
const LISTENERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_of_another_instance_see_all_of_a_job() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(pair.viewer().await);
    }
    pair.gate.open();
    for (mut reader, mut history) in viewers {
        history.extend(reader.rest().await);
        assert_eq!(history.last().unwrap().event, "completed");
        pair.assert_complete(&database, &history).await;
    }
}

/// What comes over an announcement is not waited for by the poll, which is too slow for this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_bring_events_before_the_poll_does() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    eventually("both instances listen", || async {
        (database.number(&format!("SELECT count(*) {LISTENERS}")).await == 2).then_some(())
    })
    .await;
    let (mut reader, _) = pair.viewer().await;
    pair.gate.open();
    // The poll of an instance that hears others comes every ten seconds.
    let rest = tokio::time::timeout(Duration::from_secs(5), reader.rest()).await.expect("the events are announced");
    assert_eq!(rest.last().unwrap().event, "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_cut_off_again_and_again_loses_nothing() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    let (mut reader, mut history) = pair.viewer().await;
    pair.gate.open();
    let cutting = async {
        loop {
            database.execute(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}")).await;
            tokio::task::yield_now().await;
        }
    };
    let rest = tokio::select! {
        rest = reader.rest() => rest,
        () = cutting => unreachable!(),
    };
    history.extend(rest);
    assert_eq!(history.last().unwrap().event, "completed");
    pair.assert_complete(&database, &history).await;
}

/// The other instance never gets to listen: its address for that is refused, or takes connections and stays mute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_cannot_listen_polls_instead() {
    for stalled in [false, true] {
        let database = TestDatabase::postgres().await;
        let mut proxy = Proxy::start(&database.url).await;
        let pair = Pair::with(&database, &["--direct-database-url", &proxy.url(&database.url)]).await;
        if stalled {
            proxy.stall();
        } else {
            proxy.cut();
        }
        database.execute(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}")).await;
        let (mut reader, mut history) = pair.viewer().await;
        pair.gate.open();
        history.extend(reader.rest().await);
        assert_eq!(history.last().unwrap().event, "completed", "stalled: {stalled}");
        pair.assert_complete(&database, &history).await;
    }
}

/// A connection on which nothing comes any more, without a word, is noticed by the missing sign of life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_falls_silent_is_noticed() {
    let database = TestDatabase::postgres().await;
    let mut proxy = Proxy::start(&database.url).await;
    let pair = Pair::with(&database, &["--direct-database-url", &proxy.url(&database.url)]).await;
    let (mut reader, mut history) = pair.viewer().await;
    eventually("both instances listen", || async {
        (database.number(&format!("SELECT count(*) {LISTENERS}")).await == 2).then_some(())
    })
    .await;
    proxy.stall();
    pair.gate.open();
    history.extend(reader.rest().await);
    assert_eq!(history.last().unwrap().event, "completed");
    pair.assert_complete(&database, &history).await;
    proxy.restore();
    eventually("it listens again", || async {
        (database.number(&format!("SELECT count(*) {LISTENERS}")).await >= 2).then_some(())
    })
    .await;
}

/// Jobs that nobody watches here are not read here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_watches_is_not_read() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    let unwatched = pair.runs.client().start(&pair.site.url).await;
    pair.runs.client().until(&unwatched, "completed").await;
    let (mut reader, mut history) = pair.viewer().await;
    pair.gate.open();
    history.extend(reader.rest().await);
    let job_ids: Vec<&str> = history.iter().filter_map(|received| received.data["job_id"].as_str()).collect();
    assert!(job_ids.iter().all(|id| *id == pair.id), "only the watched job was shown");
    pair.assert_complete(&database, &history).await;
}
