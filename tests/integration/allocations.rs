//! What an event costs in memory that is asked for and given back, counted: nothing for each viewer that it goes to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;

use jobcast::event::Seq;
use jobcast::job::JobId;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::databases::TestDatabase;
use crate::harness::{DEADLINE, LogServer, open, soon};

const EVENTS: Seq = 20;

/// The last event of a job before its audience is told more.
const BEGUN: Seq = 2;

/// More than sit in one room, and a few.
const MANY: u64 = 520;
const FEW: u64 = 8;

#[test]
fn a_delivery_allocates_nothing() {
    let (few, many) = (allocations(FEW), allocations(MANY));
    let deliveries = (MANY - FEW) * EVENTS.unsigned_abs();
    let more = many.saturating_sub(few);
    // A room more costs something for each event, and so does whatever else the server does meanwhile.
    assert!(more * 10 < deliveries, "{more} allocations more for {deliveries} deliveries more ({few} and {many})");
}

/// How many allocations the server needs to commit some events one after another and to write them to so many viewers.
fn allocations(viewers: u64) -> u64 {
    // All of the server but its database's driver runs on this thread, whose allocations are counted.
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (server, _database, job_id, mut audience) = runtime.block_on(async {
        let database = TestDatabase::sqlite().await;
        let server = LogServer::start(open(&database).await).await;
        let job_id = server.running_job().await;
        let address = server.url.socket_addrs(|| None).expect("an address")[0];
        let mut audience = Audience::come(address, job_id, viewers);
        audience.all_have(BEGUN).await;
        (server, database, job_id, audience)
    });
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for seq in BEGUN + 1..=BEGUN + EVENTS {
                assert_eq!(server.progress(job_id, "to all").await, seq);
                audience.all_have(seq).await;
            }
        });
    });
    audience.leave();
    counted.count_total
}

/// Viewers on a thread of their own, whose allocations are not counted.
struct Audience {
    reached: UnboundedReceiver<Seq>,
    thread: JoinHandle<()>,
}

impl Audience {
    fn come(address: SocketAddr, job_id: JobId, viewers: u64) -> Audience {
        let (reach, reached) = unbounded_channel();
        Audience { reached, thread: std::thread::spawn(move || sit(address, job_id, viewers, &reach)) }
    }

    async fn all_have(&mut self, seq: Seq) {
        assert_eq!(soon("an event at all viewers", self.reached.recv()).await, Some(seq));
    }

    fn leave(self) {
        self.thread.join().expect("the viewers get everything");
    }
}

/// Tells of each event that all viewers have it, and leaves with the last.
fn sit(address: SocketAddr, job_id: JobId, viewers: u64, reach: &UnboundedSender<Seq>) {
    let mut sockets: Vec<TcpStream> = (0..viewers).map(|_| watch(address, job_id)).collect();
    for seq in BEGUN..=BEGUN + EVENTS {
        sockets.iter_mut().for_each(|socket| read_to(socket, seq));
        reach.send(seq).expect("the server's thread waits");
    }
}

fn watch(address: SocketAddr, job_id: JobId) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    write!(socket, "GET /api/jobs/{job_id}/events HTTP/1.1\r\nHost: test\r\n\r\n").expect("the request is sent");
    socket
}

/// Reads until the whole event with this id has come.
fn read_to(socket: &mut TcpStream, seq: Seq) {
    let (id, mut received) = (format!("id: {seq}\n"), Vec::new());
    let is_whole = |received: &[u8]| {
        let text = String::from_utf8_lossy(received);
        text.split_once(&id).is_some_and(|(_, event)| event.contains("\n\n"))
    };
    while !is_whole(&received) {
        let mut part = [0; 4096];
        let length = socket.read(&mut part).expect("the stream goes on");
        assert!(length > 0, "the server closed a stream before event {seq}");
        received.extend_from_slice(&part[..length]);
    }
}
