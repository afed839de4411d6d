//! A deploy: three instances are replaced one after the other under load. Every job completes, every viewer ends with
//! exactly 1..n. And an instance that dies, or freezes beyond its lease, is survived.

use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use super::*;
use crate::harness::{Client, DEADLINE, Process};

/// Short, so that a silent worker's job is taken up soon; the drain is as short as it may be.
const FLAGS: [&str; 4] = ["--lease-seconds", "2", "--drain-seconds", "4"];

const JOBS: usize = 24;

/// The instances that are up, for viewers that come back.
type Up = watch::Receiver<Vec<Url>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_viewer_of_every_job_survives_a_rolling_restart() {
    let database = Arc::new(TestDatabase::postgres().await);
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    stand_ins.pace_for_people();
    let mut instances: Vec<Process> = (0..3).map(|_| Process::start(&database.url, &stand_ins, &FLAGS)).collect();
    let urls = |instances: &[Process]| instances.iter().map(|instance| instance.url.clone()).collect::<Vec<_>>();
    let up = watch::Sender::new(urls(&instances));

    let mut viewers = JoinSet::new();
    let mut ids = Vec::new();
    for number in 0..JOBS {
        let client = instances[number % 3].client();
        let id = client.start(&site.url).await;
        for start_at in 0..2 {
            viewers.spawn(watch_to_the_end(up.subscribe(), id.clone(), number + start_at));
        }
        ids.push(id);
    }
    for place in 0..3 {
        let fresh = Process::start(&database.url, &stand_ins, &FLAGS);
        let mut old = std::mem::replace(&mut instances[place], fresh);
        up.send_replace(urls(&instances));
        old.signal(Signal::SIGTERM);
        assert!(old.ended().await.success(), "a drain ends in order");
    }

    let store = open(&database).await;
    while let Some(seen) = soon("the viewers' end", viewers.join_next()).await {
        let (id, history) = seen.expect("a viewer does not fail");
        assert_eq!(history.last().unwrap().event, "completed", "{id}");
        assert_complete(&history, &stored(store.as_ref(), JobId(id.parse().unwrap())).await);
    }
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, JOBS as i64, "each is saved once");
}

/// A viewer as a browser is one: it comes back with its cursor, to whichever instance it reaches.
async fn watch_to_the_end(up: Up, id: String, first: usize) -> (String, Vec<Received>) {
    let mut history: Vec<Received> = Vec::new();
    let mut turn = first;
    let watching = async {
        loop {
            let url = { up.borrow()[turn % 3].clone() };
            turn += 1;
            let cursor = history.last().map(|last| last.id);
            match read_one_stream(url, &id, cursor).await {
                Some((received, over)) => {
                    history.extend(received);
                    if over {
                        return;
                    }
                }
                // That instance was just going away.
                None => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(2 * DEADLINE, watching).await.expect("the job ends");
    (id, history)
}

/// What one connection brought, and whether the job was over; nothing where there was no connection.
async fn read_one_stream(url: Url, id: &str, cursor: Option<i64>) -> Option<(Vec<Received>, bool)> {
    let client = Client::new(url);
    let mut request = client.http.get(client.at(&format!("/api/jobs/{id}/events")));
    if let Some(cursor) = cursor {
        request = request.header("last-event-id", cursor.to_string());
    }
    let response = request.send().await.ok()?;
    if response.status() == 204 {
        return Some((Vec::new(), true));
    }
    if response.status() != 200 {
        return None;
    }
    let mut reader = Reader::of(response);
    let sync = reader.next().await?;
    if cursor.is_some() {
        assert_eq!(sync.data["resume"], "exact");
    }
    let received = reader.rest().await;
    let over = received.last().is_some_and(|last| last.event == "completed");
    Some((received, over))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_dies_is_noticed_and_its_job_goes_on_elsewhere() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut dies = Process::start(&database.url, &stand_ins, &FLAGS);
    let id = dies.client().start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    let other = Process::start(&database.url, &stand_ins, &FLAGS);
    let mut reader = other.client().events(&id, None).await;
    dies.kill();
    let history = reader.rest().await;
    assert_eq!(history.last().unwrap().event, "completed");
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 2), "the analysis is not paid for twice");
}

/// SIGSTOP for longer than the lease, then SIGCONT: the frozen attempt writes nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_instance_writes_nothing_when_it_thaws() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let frozen = Process::start(&database.url, &stand_ins, &FLAGS);
    let id = frozen.client().start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    frozen.signal(Signal::SIGSTOP);
    let other = Process::start(&database.url, &stand_ins, &FLAGS);
    other.client().until(&id, "completed").await;
    let (store, job_id) = (open(&database).await, JobId(id.parse().unwrap()));
    let before = stored(store.as_ref(), job_id).await;
    gate.open();
    frozen.signal(Signal::SIGCONT);
    // It has noticed by the time when it runs another job.
    let next = frozen.client().start(&site.url).await;
    frozen.client().until(&next, "completed").await;
    frozen.logged("the attempt no longer holds its job").await;
    assert_eq!(stored(store.as_ref(), job_id).await, before, "nothing was written by the frozen attempt");
    assert!(before.iter().filter(|event| event.name.as_str() == "completed").count() == 1);
}
