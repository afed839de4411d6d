//! How a stream is written once its socket has left hyper: the bytes of the body, what an idle viewer costs, and that no
//! viewer waits for another.

use futures_util::future::join_all;
use jobcast::event::{Seq, Subject};
use jobcast::http::ServeSettings;
use jobcast::job::JobId;
use jobcast::write::{Action, Progress, Report, Write};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::databases::TestDatabase;
use crate::harness::{CountingStore, DEADLINE, LogServer, eventually, on_both_databases, open, soon};

on_both_databases!(
    a_body_is_in_chunks_and_its_connection_ends_with_it,
    a_body_without_chunks_is_the_same_bytes,
    what_a_client_sends_on_a_stream_is_ignored,
    an_idle_viewer_has_no_task_and_its_places_are_given_back,
    viewers_who_come_while_much_is_said_miss_nothing,
    a_viewer_that_does_not_read_holds_up_nobody_and_misses_nothing,
    what_is_said_at_once_is_committed_at_once,
);

/// More than sit in one room.
const VIEWERS: usize = 600;

/// A stream on a bare socket, asked for with this version of HTTP.
async fn watch(server: &LogServer, job_id: JobId, version: &str) -> TcpStream {
    let address = server.url.socket_addrs(|| None).expect("an address")[0];
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET /api/jobs/{job_id}/events HTTP/{version}\r\nHost: test\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the request is sent");
    socket
}

/// Reads until the whole event with this id has been received.
async fn read_to(socket: &mut TcpStream, id: Seq) -> String {
    let id = format!("id: {id}\n");
    read_while(socket, |received| !(received.contains(&id) && received.trim_end_matches("\r\n").ends_with("\n\n")))
        .await
}

/// Reads until the connection closes.
async fn read_to_end(socket: &mut TcpStream) -> String {
    read_while(socket, |_| true).await
}

async fn read_while(socket: &mut TcpStream, more: impl Fn(&str) -> bool) -> String {
    let mut received = Vec::new();
    soon("the bytes of a stream", async {
        while more(&String::from_utf8_lossy(&received)) && socket.read_buf(&mut received).await.expect("bytes") > 0 {}
    })
    .await;
    String::from_utf8(received).expect("text")
}

async fn cancel(server: &LogServer, job_id: JobId) {
    server.append(job_id, Action::Cancel).await;
}

/// The bytes of chunks (RFC 9112, section 7.1), which must end with the last.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a hexadecimal size");
        let (chunk, rest) = rest.split_at(size);
        body = rest.strip_prefix("\r\n").expect("the end of a chunk");
        whole.push_str(chunk);
        if size == 0 {
            assert_eq!(body, "", "nothing follows the last chunk");
            return whole;
        }
    }
}

/// The ids of the events in a body; its first frame says where it begins.
fn ids(body: &str) -> Vec<Seq> {
    body.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

async fn a_body_is_in_chunks_and_its_connection_ends_with_it(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let mut socket = watch(&server, job_id, "1.1").await;
    let mut received = read_to(&mut socket, 2).await;
    server.progress(job_id, "live").await;
    cancel(&server, job_id).await;
    received.push_str(&read_to_end(&mut socket).await);
    let (head, body) = received.split_once("\r\n\r\n").expect("a head");
    let head = head.to_lowercase();
    assert!(head.contains("transfer-encoding: chunked") && head.contains("connection: close"), "{head}");
    assert_eq!(ids(&unchunked(body)), [0, 1, 2, 3, 4]);
}

async fn a_body_without_chunks_is_the_same_bytes(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let (mut old, mut new) = (watch(&server, job_id, "1.0").await, watch(&server, job_id, "1.1").await);
    let (mut without, mut with) = (read_to(&mut old, 2).await, read_to(&mut new, 2).await);
    server.progress(job_id, "live").await;
    cancel(&server, job_id).await;
    without.push_str(&read_to_end(&mut old).await);
    with.push_str(&read_to_end(&mut new).await);
    let (head, without) = without.split_once("\r\n\r\n").expect("a head");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    let with = unchunked(with.split_once("\r\n\r\n").expect("a head").1);
    // The first line, `retry`, differs from stream to stream.
    let events = |body: &str| body.split_once("\nevent: sync").expect("a sync").1.to_owned();
    let events: [String; 2] = [events(without), events(&with)];
    let after_sync = |body: &str| body.split_once("\n\n").expect("events").1.to_owned();
    assert_eq!(after_sync(&events[0]), after_sync(&events[1]));
    assert_eq!(ids(without), [0, 1, 2, 3, 4]);
}

async fn what_a_client_sends_on_a_stream_is_ignored(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let mut socket = watch(&server, job_id, "1.1").await;
    let mut received = read_to(&mut socket, 2).await;
    socket.write_all(&b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1000)).await.expect("it is taken");
    server.progress(job_id, "live").await;
    cancel(&server, job_id).await;
    received.push_str(&read_to_end(&mut socket).await);
    let (_, body) = received.split_once("\r\n\r\n").expect("a head");
    assert_eq!(ids(&unchunked(body)), [0, 1, 2, 3, 4]);
}

async fn an_idle_viewer_has_no_task_and_its_places_are_given_back(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut sockets = Vec::new();
    for _ in 0..VIEWERS / 100 {
        let opened = join_all((0..100).map(|_| watch(&server, job_id, "1.1"))).await;
        sockets.extend(opened);
    }
    join_all(sockets.iter_mut().map(|socket| read_to(socket, 2))).await;
    // Three rooms, and whatever the server's databases do in the background.
    eventually("the viewers sit", || async { (tasks() < before + 20).then_some(()) }).await;
    server.progress(job_id, "to all").await;
    let told = join_all(sockets.iter_mut().map(|socket| read_to(socket, 3))).await;
    assert!(told.iter().all(|told| ids(told).last() == Some(&3)), "each is told");
    drop(sockets);
    soon("all places are free", server.streams.none_left()).await;
    eventually("nobody watches", || async { (!server.hub.is_watched(Subject::Job(job_id))).then_some(()) }).await;
}

/// Each comes at another moment between two events, and its room hears more, or doubts, while it catches up.
async fn viewers_who_come_while_much_is_said_miss_nothing(database: TestDatabase) {
    const EVENTS: Seq = 400;
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let saying = async {
        for number in 3..=EVENTS {
            server.progress(job_id, &format!("{number}")).await;
            if number % 7 == 0 {
                server.hub.publish_doubt(Subject::Job(job_id));
            }
        }
        cancel(&server, job_id).await;
    };
    let watching = async {
        let mut viewers = Vec::new();
        for _ in 0..100 {
            let mut socket = watch(&server, job_id, "1.1").await;
            let begun = read_to(&mut socket, 0).await;
            viewers.push(async move { begun + &read_to_end(&mut socket).await });
        }
        join_all(viewers).await
    };
    let (_, all) = tokio::join!(saying, watching);
    for received in all {
        let (_, body) = received.split_once("\r\n\r\n").expect("a head");
        assert_eq!(ids(&unchunked(body)), (0..=EVENTS + 1).collect::<Vec<_>>());
    }
}

async fn a_viewer_that_does_not_read_holds_up_nobody_and_misses_nothing(database: TestDatabase) {
    const EVENTS: Seq = 300;
    let connections = ServeSettings { stall_limit: 10 * DEADLINE, ..ServeSettings::default() };
    let server = LogServer::serving(open(&database).await, connections).await;
    let job_id = server.running_job().await;
    let (mut slow, mut quick) = (watch(&server, job_id, "1.1").await, watch(&server, job_id, "1.1").await);
    read_to(&mut quick, 2).await;
    // More than the system holds for a socket that is not read.
    let detail = json!({ "filler": "x".repeat(40_000) });
    for number in 0..EVENTS {
        let progress = Progress { step: 1, percent: 10, text: format!("{number}"), detail: detail.clone() };
        let seq = server.append(job_id, Action::Attempt(1, Report::Progress(progress))).await;
        read_to(&mut quick, seq).await;
    }
    cancel(&server, job_id).await;
    let received = read_to_end(&mut slow).await;
    let (_, body) = received.split_once("\r\n\r\n").expect("a head");
    assert_eq!(ids(&unchunked(body)), (0..=EVENTS + 3).collect::<Vec<_>>());
}

async fn what_is_said_at_once_is_committed_at_once(database: TestDatabase) {
    let store = CountingStore::over(open(&database).await);
    let server = LogServer::start(store.clone()).await;
    let job_id = server.running_job().await;
    store.take_reads();
    let write = |number: u32| {
        let progress = Progress { step: 1, percent: 10, text: number.to_string(), detail: json!({}) };
        Write { job_id, action: Action::Attempt(1, Report::Progress(progress)) }
    };
    let outcomes = server.event_log.append_all((0..60).map(write).collect(), DEADLINE).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        let event = &outcome.as_ref().expect("it is taken").events[0];
        assert_eq!(event.seq, number as Seq + 3, "in order");
        assert!(event.data.contains(&format!("Step 1/3: {number}\"")), "{}", event.data);
    }
    // The writer may have begun with what was there first.
    assert!(store.take_reads().commits <= 2, "together");
}
