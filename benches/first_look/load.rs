//! Requests at a fixed rate over kept connections, each timed from the moment when it should have been sent.
//! Must not wait for an answer before the next request falls due; what is late counts as latency.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::figures::Latencies;
use crate::{Outcome, due};

/// How many requests can be under way at once, each on a thread and a connection of its own.
///
/// Threads, because tokio's timers are rounded to the next millisecond, which is more than what is measured here.
const CONNECTIONS: usize = 32;

/// No answer may take longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a load saw.
#[derive(Default)]
pub struct Seen {
    /// From when each request was due until its answer was there.
    pub latencies: Latencies,
    /// From when a request was due until it was sent, where a connection was free in time: what the generator adds.
    pub lateness: Latencies,
}

/// Posts start requests; every answer must be 202.
pub fn post_starts(address: SocketAddr, count: u32, per_second: u32) -> Outcome<Seen> {
    let next = AtomicU32::new(0);
    let begin = Instant::now() + Duration::from_millis(50);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| post_on_one_connection(address, &next, begin, count, per_second)))
            .collect();
        let mut all = Seen::default();
        for thread in threads {
            let seen = thread.join().map_err(|_| "a thread of the load generator panicked")??;
            all.latencies.extend([seen.latencies]);
            all.lateness.extend([seen.lateness]);
        }
        Ok(all)
    })
}

fn post_on_one_connection(
    address: SocketAddr,
    next: &AtomicU32,
    begin: Instant,
    count: u32,
    per_second: u32,
) -> Outcome<Seen> {
    let mut sender = TcpStream::connect(address)?;
    sender.set_nodelay(true)?;
    sender.set_read_timeout(Some(TIMEOUT))?;
    let mut receiver = BufReader::new(sender.try_clone()?);
    let mut seen = Seen::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return Ok(seen);
        }
        let due = due(begin, index, per_second);
        let request = start_request();
        let early = due.saturating_duration_since(Instant::now());
        std::thread::sleep(early);
        if !early.is_zero() {
            seen.lateness.push(due.elapsed());
        }
        sender.write_all(request.as_bytes())?;
        read_accepted(&mut receiver)?;
        seen.latencies.push(due.elapsed());
    }
}

fn start_request() -> String {
    let body = format!(
        r#"{{"brand_id":"{}","job_type":"brand_intelligence","input_data":{{"url":"https://example.com/"}}}}"#,
        Uuid::new_v4()
    );
    format!(
        "POST /api/jobs/start HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer with a `Content-Length`, which must be 202.
fn read_accepted(receiver: &mut BufReader<TcpStream>) -> Outcome<()> {
    let (mut line, mut head, mut length) = (String::new(), String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if receiver.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    receiver.read_exact(&mut body)?;
    if !head.starts_with("HTTP/1.1 202") {
        return Err(format!("not accepted: {head}{}", String::from_utf8_lossy(&body)).into());
    }
    Ok(())
}
