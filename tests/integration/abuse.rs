//! Limits against abuse: a brand that starts too much, a client that opens too much, sends too slowly, sends too much, or
//! does not read.

use std::time::Duration;

use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::http::ServeSettings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use url::Url;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, LogServer, Reader, Received, Server, assert_complete, eventually, on_both_databases, open, soon, stored,
};

on_both_databases!(a_client_that_stops_reading_is_cut_and_resumes);

/// A server whose jobs all wait inside gtm.
async fn held(database: &TestDatabase, more: &[&str]) -> (StandIns, Server) {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: Gate::new() });
    let server = Server::with(&database.url, &stand_ins, more, AppOptions::default()).await;
    (stand_ins, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brand_that_starts_too_much_is_told_when_to_come_back() {
    let database = TestDatabase::sqlite().await;
    let (_stand_ins, server) = held(&database, &["--max-starts-per-minute", "3"]).await;
    let (greedy, modest) = (server.client(), server.client());
    let mut last = String::new();
    for _ in 0..3 {
        last = greedy.start("https://example.com").await;
    }
    let input = json!({"url": "https://example.com"});
    let body = json!({"brand_id": greedy.brand_id, "job_type": "brand_intelligence", "input_data": input});
    let refused = greedy.http.post(greedy.at("/api/jobs/start")).json(&body).send().await.unwrap();
    assert_limited(refused, "rate_limited").await;
    modest.start("https://example.com").await;
    // A retry runs a job as a start does.
    assert_eq!(greedy.post(&format!("/api/jobs/{last}/cancel")).await.0, 200);
    let retry = greedy.http.post(greedy.at(&format!("/api/jobs/{last}/retry"))).send().await.unwrap();
    assert_limited(retry, "rate_limited").await;
    let (_, list) = greedy.get(&format!("/api/jobs?brand_id={}", greedy.brand_id)).await;
    assert_eq!(list["jobs"].as_array().unwrap().len(), 3, "nothing else was started");
}

async fn assert_limited(answer: reqwest::Response, code: &str) {
    assert_eq!(answer.status(), 429);
    let seconds: u32 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_its_share_of_the_streams() {
    let database = TestDatabase::sqlite().await;
    let limit = ["--max-streams-per-address", "2"];
    let (_stand_ins, server) = held(&database, &[&limit[..], &["--trust-proxy"]].concat()).await;
    let client = server.client();
    let job = client.at(&format!("/api/jobs/{}/events", client.start("https://example.com").await));
    let brand = client.at(&format!("/api/brands/{}/events", client.brand_id));
    let first = stream_from(&client, &job, "192.0.2.1").await;
    let second = stream_from(&client, &brand, "192.0.2.1").await;
    assert_eq!((first.status, second.status), (200, 200));
    let third = client.http.get(job.clone()).header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
    assert_limited(third, "too_many_streams").await;
    let other = stream_from(&client, &job, "192.0.2.1, 192.0.2.2").await;
    assert_eq!(other.status, 200, "the address that the proxy added counts");
    drop(first);
    eventually("a free place", || async {
        (stream_from(&client, &job, "192.0.2.1").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_is_not_believed_without_a_proxy() {
    let database = TestDatabase::sqlite().await;
    let (_stand_ins, server) = held(&database, &["--max-streams-per-address", "1"]).await;
    let client = server.client();
    let job = client.at(&format!("/api/jobs/{}/events", client.start("https://example.com").await));
    let _first = stream_from(&client, &job, "192.0.2.1").await;
    assert_eq!(stream_from(&client, &job, "192.0.2.2").await.status, 429);
}

async fn stream_from(client: &Client, url: &Url, address: &str) -> Reader {
    Reader::of(client.http.get(url.clone()).header("x-forwarded-for", address).send().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_cannot_be_read_is_answered_in_json() {
    let database = TestDatabase::sqlite().await;
    let server = LogServer::start(open(&database).await).await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "x".repeat(200 * 1024));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: 1\r\n".repeat(101));
    let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100 * 1024));
    for (request, status, code) in [
        (long, 431, "head_too_large"),
        (many, 431, "head_too_large"),
        (path, 431, "head_too_large"),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(), 400, "malformed"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400, "malformed"),
    ] {
        let answer = exchange(&server.url, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{status}: {answer:?}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(
            head.contains("\r\nx-request-id: ") && head.contains("\r\ncontent-type: application/json\r\n"),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer:?}"));
        assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!(code)));
    }
    let fine =
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: {}\r\nConnection: close\r\n\r\n", "x".repeat(24 * 1024));
    assert!(exchange(&server.url, fine.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

/// Sends these bytes on a connection of their own; answers everything that comes until it is closed.
async fn exchange(url: &Url, request: &[u8]) -> String {
    let mut stream = connect(url).await;
    let mut answer = Vec::new();
    soon("the answer", async {
        // The server may close before it has read everything.
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut answer).await;
    })
    .await;
    String::from_utf8(answer).unwrap()
}

async fn connect(url: &Url) -> TcpStream {
    TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_slow_bodies_are_cut() {
    let database = TestDatabase::sqlite().await;
    let settings = ServeSettings { header_read_timeout: Duration::from_millis(50), ..ServeSettings::default() };
    let server = LogServer::serving(open(&database).await, settings).await;
    assert_eq!(exchange(&server.url, b"GET /healthz HTTP/1.1\r\nHost:").await, "", "closed without an answer");
    let head =
        "POST /api/jobs/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let answer = exchange(&server.url, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_are_refused() {
    the_fourth_connection_is_refused(ServeSettings { max_connections: 3, ..ServeSettings::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_its_share_of_the_connections() {
    the_fourth_connection_is_refused(ServeSettings { max_connections_per_address: 3, ..ServeSettings::default() })
        .await;
}

async fn the_fourth_connection_is_refused(settings: ServeSettings) {
    let database = TestDatabase::sqlite().await;
    let server = LogServer::serving(open(&database).await, settings).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..3 {
        // A request that is answered, on a connection that stays: so it has its place.
        let mut stream = connect(&server.url).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        soon("the answer", stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let refused = exchange(&server.url, request).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: 5\r\n"), "{refused}");
    assert!(refused.contains("too_many_connections"), "{refused}");
    held.pop();
    eventually("a free place", || async {
        exchange(&server.url, request).await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
}

/// How much is appended at a time.
const PIECE: usize = 16 * 1024;

/// The client acknowledges everything and reads nothing: only what the server waits for tells that nobody is there.
async fn a_client_that_stops_reading_is_cut_and_resumes(database: TestDatabase) {
    let store = open(&database).await;
    let settings = ServeSettings { stall_limit: Duration::from_millis(200), ..ServeSettings::default() };
    let server = LogServer::serving(store.clone(), settings).await;
    let job_id = server.running_job().await;
    let client = server.client();

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut deaf = socket.connect(server.url.socket_addrs(|| None).unwrap()[0]).await.unwrap();
    let request = format!("GET /api/jobs/{job_id}/events HTTP/1.0\r\nHost: x\r\n\r\n");
    deaf.write_all(request.as_bytes()).await.unwrap();
    let mut received = vec![0; 4];
    soon("the head", deaf.read_exact(&mut received)).await.unwrap();

    let (piece, mut appended) = ("x".repeat(PIECE), 0);
    let cut = server.streams.none_left();
    tokio::pin!(cut);
    soon("the cut", async {
        loop {
            tokio::select! {
                biased;
                () = &mut cut => return,
                _ = server.progress(job_id, &piece) => appended += PIECE,
            }
        }
    })
    .await;
    // The socket is still open at this end. What had arrived can be read, and is far less than was to be sent.
    soon("the end of what arrived", async { while deaf.read_buf(&mut received).await.is_ok_and(|read| read > 0) {} })
        .await;
    server.fail(job_id).await;
    let arrived = frames(&received);
    let last = arrived.last().map_or(0, |received| received.id);

    let mut resumed = client.events(&job_id.to_string(), Some(last)).await;
    assert_eq!(resumed.sync().await.data["resume"], "exact");
    let history = [arrived, resumed.rest().await].concat();
    assert_complete(&history, &stored(store.as_ref(), job_id).await);
    assert!(
        received.len() < 4 * 1024 * 1024,
        "{} of {appended} bytes were sent to a client that does not read",
        received.len()
    );
}

/// The whole frames of an answer that broke off.
fn frames(answer: &[u8]) -> Vec<Received> {
    let answer = String::from_utf8_lossy(answer);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {answer:?}"));
    let whole = body.rfind("\n\n").map_or("", |end| &body[..end]);
    let field = |frame: &str, name: &str| {
        frame.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
    };
    let frames = whole.split("\n\n").filter(|frame| frame.contains("data: ")).map(|frame| Received {
        id: field(frame, "id: ").parse().unwrap(),
        event: field(frame, "event: "),
        data: serde_json::from_str(&field(frame, "data: ")).unwrap(),
    });
    frames.filter(|received| received.event != "sync").collect()
}
