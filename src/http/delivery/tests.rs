//! Rooms and viewers over a real log and real sockets, at moments that no client can choose.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use super::room::Room;
use super::rooms::Arrival;
use super::*;
use crate::event_log::{Frame, Hub};
use crate::http::client::Client;
use crate::http::shares::Shares;
use crate::job::{BrandId, JobId, NewJob};
use crate::store::{self, Store, StoreSettings};
use crate::write::{Action, Write};

const DEADLINE: Duration = Duration::from_secs(30);

/// A log with one job, whose first event is not written yet.
struct Fixture {
    store: Arc<dyn Store>,
    hub: Hub,
    log: EventLog,
    delivery: Delivery,
    connections: Connections,
    job_id: JobId,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("jobcast.db").display());
        let settings = StoreSettings { lease: DEADLINE, max_queued_jobs: 9, alone: true };
        let (store, hub) = (store::open(&url, &url, settings).await.unwrap(), Hub::default());
        let (log, _tasks) = EventLog::start(store.clone(), hub.clone());
        let draining = CancellationToken::new();
        let delivery = Delivery::new(log.clone(), DEADLINE, draining.clone(), Duration::ZERO);
        let connections = Connections::until(draining, DEADLINE);
        Fixture { store, hub, log, delivery, connections, job_id: JobId(Uuid::now_v7()), _folder: folder }
    }

    fn subject(&self) -> Subject {
        Subject::Job(self.job_id)
    }

    /// Event 1.
    async fn create(&self, log: &EventLog) {
        self.append(log, Action::Create(NewJob::of(BrandId(Uuid::new_v4())))).await;
    }

    async fn append(&self, log: &EventLog, action: Action) {
        log.append(Write { job_id: self.job_id, action }, DEADLINE).await.unwrap();
    }

    /// A stream of a viewer that has nothing yet.
    fn stream(&self) -> EventStream {
        let admission = Admission::new(None, permit(), place());
        EventStream {
            delivery: self.delivery.clone(),
            subject: self.subject(),
            cursor: 0,
            over: false,
            admission,
            chunked: false,
        }
    }

    /// A room where nothing is heard yet, and a viewer who has nothing and is about to come in.
    async fn room_and_viewer(&self) -> (Room, Arc<rooms::Door>, Viewer, TcpStream) {
        let (client, socket) = sockets().await;
        let (seat, door) = Rooms::seat_beside(&self.delivery, self.subject());
        let viewer = Viewer::new(socket, seat, self.stream(), held());
        let live = self.log.subscribe(self.subject(), 0);
        (Room::new(live, door.clone(), self.delivery.clone(), self.connections.clone()), door, viewer, client)
    }
}

fn permit() -> tokio::sync::OwnedSemaphorePermit {
    Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
}

fn place() -> crate::http::shares::Place {
    Shares::up_to(1).take(Client::at(Ipv4Addr::LOCALHOST.into())).ok().unwrap()
}

fn held() -> Held {
    Held::new(permit(), place())
}

/// A client and the server's side of it.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Reads until the event has come.
async fn sees(client: &mut TcpStream, seq: Seq) {
    let mut seen = String::new();
    let reading = async {
        while !seen.contains(&format!("id: {seq}\n")) {
            let mut bytes = [0; 4096];
            let length = client.read(&mut bytes).await.unwrap();
            assert!(length > 0, "the stream goes on");
            seen += std::str::from_utf8(&bytes[..length]).unwrap();
        }
    };
    timeout(DEADLINE, reading).await.expect("the event comes");
}

#[tokio::test]
async fn who_comes_in_behind_what_the_room_has_heard_is_sent_it() {
    let fixture = Fixture::new().await;
    let (mut room, door, viewer, mut client) = fixture.room_and_viewer().await;
    fixture.create(&fixture.log).await;
    room.hear_all();
    door.enter(Arrival { viewer, doubts: door.doubts() });
    fixture.connections.spawn(room.run());
    sees(&mut client, 1).await;
}

#[tokio::test]
async fn who_looked_before_the_room_was_in_doubt_looks_again() {
    let fixture = Fixture::new().await;
    let (mut room, door, viewer, mut client) = fixture.room_and_viewer().await;
    let doubts = door.doubts();
    // Somebody else commits it, which is not heard here.
    let (other, _tasks) = EventLog::start(fixture.store.clone(), Hub::default());
    fixture.create(&other).await;
    fixture.hub.publish_doubt(fixture.subject());
    room.hear_all();
    door.enter(Arrival { viewer, doubts });
    fixture.connections.spawn(room.run());
    sees(&mut client, 1).await;
}

#[tokio::test]
async fn who_comes_back_has_what_is_in_memory_with_the_first_frame_and_needs_no_task() {
    let fixture = Fixture::new().await;
    fixture.create(&fixture.log).await;
    let (mut first, socket) = sockets().await;
    let mut stream = fixture.stream();
    assert_eq!(stream.with_missed("sync".to_owned()), "sync", "nothing is known before anybody has read it");
    stream.deliver(socket, held(), &fixture.connections);
    sees(&mut first, 1).await;
    let settled = async {
        while fixture.connections.count() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, settled).await.expect("the room's task alone remains");

    let mut stream = fixture.stream();
    let begin = stream.with_missed("sync".to_owned());
    assert!(begin.starts_with(b"syncid: 1\n"), "{begin:?}");
    assert_eq!((stream.cursor, stream.over), (1, false));
    let (mut second, socket) = sockets().await;
    stream.deliver(socket, held(), &fixture.connections);
    assert_eq!(fixture.connections.count(), 1, "it sits in the room already");

    fixture.append(&fixture.log, Action::Cancel).await;
    sees(&mut first, 2).await;
    let mut rest = Vec::new();
    timeout(DEADLINE, second.read_to_end(&mut rest)).await.expect("the stream ends").unwrap();
    assert!(rest.starts_with(b"id: 2\n"), "nothing comes twice: {rest:?}");
}

/// What goes with the first frame lies in hyper's buffers until the client takes it.
#[tokio::test]
async fn what_goes_with_the_first_frame_is_bounded() {
    let fixture = Fixture::new().await;
    let _live = fixture.log.subscribe(fixture.subject(), 0);
    for seq in 1..=40 {
        let bytes = Bytes::from(vec![b'x'; 1024]);
        fixture.hub.publish(fixture.subject(), Frame { seq, bytes, terminal: seq == 40, lag: None });
    }
    let mut stream = fixture.stream();
    assert_eq!(stream.with_missed("sync".to_owned()).len(), 4 + 31 * 1024, "32 KiB would be too much");
    assert_eq!((stream.cursor, stream.over), (31, false));
    assert_eq!(stream.with_missed(String::new()).len(), 9 * 1024);
    assert_eq!((stream.cursor, stream.over), (40, true));
}
