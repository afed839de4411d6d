//! Nothing lost, nothing twice: at whatever moment a viewer joins, leaves and comes back, and however slow it reads.

use futures_util::future::join_all;
use jobcast::demo::StandIns;
use jobcast::event::Subject;
use jobcast::event_log::{EventLog, Frame};
use jobcast::hub::{Hub, Keep};
use jobcast::job::JobId;
use jobcast::store::Store;
use proptest::prelude::*;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, LogServer, Reader, Received, Server, Site, assert_complete, eventually, on_both_databases, open, stored,
};

on_both_databases!(
    a_viewer_that_leaves_after_every_kth_event_misses_nothing,
    viewers_that_join_before_during_and_after_see_the_same,
    a_viewer_that_lags_is_sent_what_it_missed,
    any_interleaving_of_writers_and_viewers_is_complete,
);

async fn a_viewer_that_leaves_after_every_kth_event_misses_nothing(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let client = server.client();
    let viewers = (1..=24).map(|k| leave_after_every(&client, job_id, k));
    let writing = async {
        for number in 0..20 {
            match number % 3 {
                0 => server.progress(job_id, &format!("page {number}")).await,
                _ => server.delta(job_id, &format!("word{number} ")).await,
            };
            tokio::task::yield_now().await;
        }
        server.fail(job_id).await
    };
    let (histories, _) = tokio::join!(join_all(viewers), writing);
    let stored = stored(open(&database).await.as_ref(), job_id).await;
    assert_eq!(stored.len(), 23);
    for history in histories {
        assert_complete(&history, &stored);
    }
}

/// Reads `k` events, leaves, comes back with the last id, until the terminal event or a 204.
async fn leave_after_every(client: &Client, job_id: JobId, k: usize) -> Vec<Received> {
    let mut history: Vec<Received> = Vec::new();
    let mut cursor = None;
    loop {
        let mut reader = client.events(&job_id.to_string(), cursor).await;
        if reader.status == 204 {
            return history;
        }
        let sync = reader.sync().await;
        assert_eq!(sync.data["resume"], if cursor.unwrap_or(0) == 0 { "start" } else { "exact" });
        assert_eq!(sync.id, cursor.unwrap_or(0));
        for _ in 0..k {
            let Some(received) = reader.next().await else { break };
            history.push(received);
        }
        cursor = reader.last_id;
        if history.last().is_some_and(|last| last.event == "failed") {
            return history;
        }
    }
}

async fn viewers_that_join_before_during_and_after_see_the_same(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    let before = read_all(client.events(&id, None).await);
    let during = async {
        eventually("the second step", || async { (client.job(&id).await["step"].as_u64() >= Some(2)).then_some(()) })
            .await;
        read_all(client.events(&id, None).await).await
    };
    let (before, during) = tokio::join!(before, during);
    let after = read_all(client.events(&id, None).await).await;
    let stored = stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await;
    for history in [before, during, after] {
        assert_complete(&history, &stored);
    }
}

async fn read_all(mut reader: Reader) -> Vec<Received> {
    reader.sync().await;
    reader.rest().await
}

/// More is written than the live channel holds before the viewer reads its second event.
async fn a_viewer_that_lags_is_sent_what_it_missed(database: TestDatabase) {
    let store = open(&database).await;
    let server = LogServer::start(store.clone()).await;
    let job_id = server.running_job().await;
    let mut viewer = Viewer::join(&server.event_log, job_id, 0);
    viewer.read(1).await;
    for number in 0..500 {
        server.progress(job_id, &format!("page {number}")).await;
    }
    server.fail(job_id).await;
    viewer.read(usize::MAX).await;
    assert_complete(&viewer.history, &stored(store.as_ref(), job_id).await);
}

/// A viewer below HTTP, which reads only when it is told to.
struct Viewer {
    frames: std::pin::Pin<Box<dyn futures_util::Stream<Item = Frame> + Send>>,
    history: Vec<Received>,
}

impl Viewer {
    fn join(log: &EventLog, job_id: JobId, cursor: i64) -> Viewer {
        Viewer { frames: Box::pin(log.follow(Subject::Job(job_id), cursor)), history: Vec::new() }
    }

    /// Reads up to `count` events, as many as are there or until the stream ends.
    async fn read(&mut self, count: usize) {
        use futures_util::StreamExt;
        for _ in 0..count {
            match crate::harness::soon("an event", self.frames.next()).await {
                Some(frame) => self.history.push(parse(&frame)),
                None => return,
            }
        }
    }

    /// Reads up to `count` events, but gives the writers way a few times rather than wait for one.
    async fn glance(&mut self, count: usize) {
        use futures_util::{FutureExt, StreamExt};
        let mut patience = 20;
        let target = self.history.len() + count;
        while patience > 0 && self.history.len() < target {
            match self.frames.next().now_or_never() {
                Some(Some(frame)) => self.history.push(parse(&frame)),
                Some(None) => return,
                None => {
                    patience -= 1;
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn cursor(&self) -> i64 {
        self.history.last().map_or(0, |received| received.id)
    }
}

pub fn parse(frame: &Frame) -> Received {
    let text = std::str::from_utf8(&frame.bytes).unwrap();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned();
    Received {
        id: field("id").parse().unwrap(),
        event: field("event"),
        data: serde_json::from_str(&field("data")).unwrap(),
    }
}

/// What happens next in a random history.
#[derive(Debug, Clone)]
enum Act {
    /// This many writes at once, so that they may share a commit.
    Write(usize),
    /// A viewer joins at this fraction of the log, in percent.
    Join(usize),
    /// A viewer reads up to so many events.
    Read(usize, usize),
    /// A viewer leaves and comes back with its cursor.
    ComeBack(usize),
    /// Another process writes this many, of which nothing is heard here.
    WriteElsewhere(usize),
    /// What was written elsewhere is relayed to those who watch here.
    Relay,
    /// Those who watch are told to look for themselves.
    Doubt,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_usize..40).prop_map(Act::Write),
        1 => (0_usize..=100).prop_map(Act::Join),
        4 => (0_usize..8, 1_usize..60).prop_map(|(viewer, count)| Act::Read(viewer, count)),
        1 => (0_usize..8).prop_map(Act::ComeBack),
        1 => (1_usize..40).prop_map(Act::WriteElsewhere),
        1 => Just(Act::Relay),
        1 => Just(Act::Doubt),
    ]
}

/// With as much memory as by default, with little and with next to none.
async fn any_interleaving_of_writers_and_viewers_is_complete(database: TestDatabase) {
    let store = open(&database).await;
    let little = Keep { frames: 30, bytes: 20_000, bytes_of_all: 30_000, bytes_when_full: 1_000 };
    let none = Keep { frames: 2, bytes: 1_000, bytes_of_all: 500, bytes_when_full: 600 };
    let elsewhere = LogServer::start(store.clone()).await;
    let handle = tokio::runtime::Handle::current();
    for keep in [Keep::default(), little, none] {
        let server = LogServer::keeping(store.clone(), keep).await;
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 24,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        tokio::task::block_in_place(|| {
            let outcome = runner.run(&proptest::collection::vec(act(), 1..40), |acts| {
                handle.block_on(play(&server, &elsewhere, store.as_ref(), acts));
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{keep:?}: {error}"));
        });
    }
}

async fn play(server: &LogServer, elsewhere: &LogServer, store: &dyn Store, acts: Vec<Act>) {
    let job_id = server.running_job().await;
    let (log, subject) = (&server.event_log, Subject::Job(job_id));
    let mut last_seq = 2;
    // Each viewer with the cursor it joined at.
    let mut viewers = vec![(0, Viewer::join(log, job_id, 0))];
    for (at, act) in acts.into_iter().enumerate() {
        match act {
            Act::Write(count) => last_seq = write(server, job_id, at, count).await.unwrap_or(last_seq),
            Act::WriteElsewhere(count) => last_seq = write(elsewhere, job_id, at, count).await.unwrap_or(last_seq),
            Act::Relay => relay(&server.hub, store, subject).await,
            Act::Doubt => server.hub.publish_doubt(subject),
            Act::Join(percent) => {
                let cursor = last_seq * percent as i64 / 100;
                viewers.push((cursor, Viewer::join(log, job_id, cursor)));
            }
            Act::Read(viewer, count) => {
                let place = viewer % viewers.len();
                viewers[place].1.glance(count).await;
            }
            Act::ComeBack(viewer) => {
                let place = viewer % viewers.len();
                let (joined_at, viewer) = &mut viewers[place];
                viewer.frames = Box::pin(log.follow(subject, viewer.cursor().max(*joined_at)));
            }
        }
    }
    server.fail(job_id).await;
    let stored = stored(store, job_id).await;
    for (joined_at, viewer) in &mut viewers {
        viewer.read(usize::MAX).await;
        let mut whole = earlier(&stored, *joined_at);
        whole.append(&mut viewer.history);
        assert_complete(&whole, &stored);
    }
}

/// Writes at once; answers the last seq, if it wrote anything.
async fn write(server: &LogServer, job_id: JobId, at: usize, count: usize) -> Option<i64> {
    let writes = (0..count).map(|number| async move {
        match number % 4 {
            0 => server.progress(job_id, &format!("{at}.{number}")).await,
            _ => server.delta(job_id, &format!("{at}.{number} ")).await,
        }
    });
    join_all(writes).await.into_iter().max()
}

/// As the relay does that hears of another instance's commits.
async fn relay(hub: &Hub, store: &dyn Store, subject: Subject) {
    let Some(reached) = hub.reached(subject) else { return };
    for event in store.events_after(subject, reached, 256).await.expect("the store answers") {
        let (seq, bytes) = (event.position(subject), event.frame(subject).into());
        hub.publish(subject, Frame { seq, bytes, terminal: event.ends(subject), lag: None });
    }
}

/// What a viewer that joined at this cursor had before.
pub fn earlier(stored: &[jobcast::event::Event], cursor: i64) -> Vec<Received> {
    let before = stored.iter().filter(|event| event.seq <= cursor);
    before
        .map(|event| Received {
            id: event.seq,
            event: event.name.as_str().to_owned(),
            data: serde_json::from_str(&event.data).unwrap(),
        })
        .collect()
}
