//! Requests over kept connections: one, many as fast as they are answered, or at a fixed rate, each timed from when it
//! should have been sent.
//! Must not wait for an answer before the next request falls due; what is late counts as latency.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::histogram::Histogram;
use super::response::Response;
use crate::{Outcome, clock};

/// How many requests can be under way at once, each on a thread and a connection of its own.
///
/// Threads, because tokio's timers are rounded to the next millisecond, which is more than what is measured here.
const CONNECTIONS: u32 = 32;

/// Connections that start jobs where only their number counts.
const STARTING: usize = 16;

/// No answer may take longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer that was one of success.
pub struct Answer {
    pub body: String,
}

/// A kept connection.
pub struct Connection {
    socket: TcpStream,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Outcome<Connection> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Connection { socket })
    }

    /// Sends a request, whose head is complete but for the length of its body, and reads its answer.
    pub fn ask(&mut self, head: &str, body: &str) -> Outcome<Answer> {
        let request = format!("{head}Host: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.socket.write_all(request.as_bytes())?;
        let (mut response, mut text, mut part) = (Response::default(), Vec::new(), [0; 8192]);
        while !response.is_over() {
            let length = self.socket.read(&mut part)?;
            if length == 0 {
                return Err("the server closed the connection".into());
            }
            response.feed(&part[..length], &mut |piece| text.extend_from_slice(piece))?;
        }
        let body = String::from_utf8_lossy(&text).into_owned();
        match response.status() {
            200..=299 => Ok(Answer { body }),
            _ => Err(format!("refused: {}\n{body}", response.head()).into()),
        }
    }
}

/// One request on a connection of its own.
pub fn once(address: SocketAddr, head: &str, body: &str) -> Outcome<Answer> {
    Connection::open(address)?.ask(head, body)
}

/// The head of a request that starts a job.
pub fn start_head(token: &str) -> String {
    format!("POST /api/jobs/start HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n")
}

/// Starts a job for each body, as fast as they are accepted; answers their ids in the same order.
pub fn post_all(address: SocketAddr, token: &str, bodies: impl Iterator<Item = String>) -> Outcome<Vec<String>> {
    let (head, bodies) = (start_head(token), bodies.collect::<Vec<_>>());
    let share = bodies.len().div_ceil(STARTING).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            bodies.chunks(share).map(|bodies| scope.spawn(|| post_each(address, &head, bodies))).collect();
        let mut ids = Vec::new();
        for thread in threads {
            ids.extend(thread.join().map_err(|_| "a thread that starts jobs panicked")??);
        }
        Ok(ids)
    })
}

fn post_each(address: SocketAddr, head: &str, bodies: &[String]) -> Outcome<Vec<String>> {
    let mut connection = Connection::open(address)?;
    bodies.iter().map(|body| job_id(&connection.ask(head, body)?.body)).collect()
}

/// The id in the answer to a start.
pub fn job_id(body: &str) -> Outcome<String> {
    let body: serde_json::Value = serde_json::from_str(body)?;
    Ok(body["job_id"].as_str().ok_or("an answer without a job_id")?.to_owned())
}

/// What a load of requests saw.
#[derive(Default)]
pub struct Load {
    /// From when each request was due until its answer was there.
    pub latency: Histogram,
    /// From when a request was due until it was sent, where a connection was free in time: what the generator adds.
    pub lateness: Histogram,
}

/// Sends so many requests of one head at a fixed rate; every answer must be one of success.
pub fn at_a_rate(
    address: SocketAddr,
    head: &str,
    body: impl Fn() -> String + Sync,
    count: u32,
    per_second: f64,
) -> Outcome<Load> {
    let next = AtomicU32::new(0);
    let begin = clock::now() + 50_000;
    let on_one_connection = || {
        let mut connection = Connection::open(address)?;
        let mut load = Load::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Outcome::Ok(load);
            }
            let body = body();
            let due = clock::due(begin, u64::from(index), per_second);
            if clock::now() < due {
                clock::sleep_until(due);
                load.lateness.push(clock::now().saturating_sub(due));
            }
            connection.ask(head, &body)?;
            load.latency.push(clock::now().saturating_sub(due));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(on_one_connection)).collect();
        let mut all = Load::default();
        for thread in threads {
            let load = thread.join().map_err(|_| "a thread of the load generator panicked")??;
            all.latency.add(&load.latency);
            all.lateness.add(&load.lateness);
        }
        Ok(all)
    })
}
