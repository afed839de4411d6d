//! A stand-in for the brand-analysis API: it takes the product's calls, and says on each open answer what it is told to.
//! Must not answer with a result; a job runs until its server is stopped.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Outcome;

/// No write to the product may wait longer: it reads as fast as it can store.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an event's data on the wire beside the words that are said here.
const AROUND_WORDS: usize = 202;

/// The most words of an event that the product shows; what is longer goes into its detail, in members of at most so many
/// bytes.
const WORDS: usize = 480;
const DETAIL_MEMBER: usize = 900;

/// A cheap handle to the stand-in.
#[derive(Clone)]
pub struct Gtm {
    address: SocketAddr,
    calls: Arc<Calls>,
    /// Bytes of an event's data on the wire.
    size: usize,
}

#[derive(Default)]
struct Calls {
    /// The open answers by the number in the address that is to be analysed.
    open: Mutex<HashMap<u32, TcpStream>>,
    changed: Condvar,
}

impl Gtm {
    /// Listens as long as there is a handle.
    pub fn start(size: usize) -> Outcome<Gtm> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let gtm = Gtm { address: listener.local_addr()?, calls: Arc::default(), size };
        // The answers close with the last handle, thousands of them: a run has many servers.
        let calls = Arc::downgrade(&gtm.calls);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let Some(calls) = calls.upgrade() else { return };
                // A call that cannot be answered is a job that never runs, which `wait_for` tells.
                let _ = calls.take(connection);
            }
        });
        Ok(gtm)
    }

    /// The base URL for the product.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The site that the job with this number is to analyse.
    pub fn site(number: u32) -> String {
        format!("https://example.com/{number}")
    }

    /// Waits until so many jobs have called.
    pub fn wait_for(&self, jobs: usize, patience: Duration) -> Outcome<()> {
        let deadline = Instant::now() + patience;
        let mut open = self.calls.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() < jobs {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("only {} of {jobs} jobs have called their upstream", open.len()).into());
            }
            open = self.calls.changed.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Says something to a job, which makes a `progress` event of it.
    pub fn say(&self, number: u32, mark: &str) -> Outcome<()> {
        self.send(number, event(self.size, mark).as_bytes())
    }

    /// Closes all answers.
    pub fn hang_up(&self) {
        for (_, connection) in self.calls.open.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Sends the bytes of any events to a job, as one piece.
    pub fn send(&self, number: u32, bytes: &[u8]) -> Outcome<()> {
        let mut connection = {
            let open = self.calls.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.get(&number).ok_or_else(|| format!("job {number} has not called its upstream"))?.try_clone()?
        };
        Ok(connection.write_all(bytes)?)
    }
}

/// One event of gtm's stream that makes an event of about `size` bytes of data.
pub fn event(size: usize, mark: &str) -> String {
    let wanted = size.saturating_sub(AROUND_WORDS);
    let padding = wanted.min(WORDS).saturating_sub(mark.len());
    let mut left = wanted.saturating_sub(mark.len() + padding);
    let mut details = String::new();
    let mut member = 0;
    while left > 20 {
        let length = left.min(DETAIL_MEMBER) - 10;
        details.push_str(&format!(r#","d{member}":"{:.<length$}""#, ""));
        left -= length + 10;
        member += 1;
    }
    format!("event: progress\ndata: {{\"progress\":10,\"message\":\"{mark}{:.<padding$}\"{details}}}\n\n", "")
}

impl Calls {
    fn take(&self, mut connection: TcpStream) -> Outcome<()> {
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        let number = read_call(&mut connection)?;
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, connection);
        self.changed.notify_all();
        Ok(())
    }
}

/// Reads a call up to the address in its body; answers the number in it.
fn read_call(connection: &mut TcpStream) -> Outcome<u32> {
    let (mut call, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let length = connection.read(&mut part)?;
        call.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&call);
        let number = text.split_once("example.com/").and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok());
        match number {
            Some(number) => return Ok(number),
            None if length == 0 || call.len() > 64 * 1024 => return Err("a call without a site".into()),
            None => {}
        }
    }
}
