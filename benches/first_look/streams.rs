//! Readers of event streams: plain sockets that speak just enough HTTP/1.1.
//! Must not do more for a frame than to find the moment at which its event was due.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Outcome;
use crate::figures::Latencies;

/// How many connections are opened at a time.
const OPENING: usize = 256;

/// Nothing that is expected may take longer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Stands in front of the moment at which an event was due, in microseconds since 1970, and a semicolon after it.
pub const DUE: &str = "due=";

/// Opens streams; each has received its head and its first frame when this returns.
pub async fn open(address: SocketAddr, path: &str, count: usize) -> Outcome<Vec<TcpStream>> {
    stream::iter(0..count).map(|_| open_one(address, path)).buffer_unordered(OPENING).try_collect().await
}

async fn open_one(address: SocketAddr, path: &str) -> Outcome<TcpStream> {
    timeout(TIMEOUT, async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let (mut received, mut part) = (Vec::new(), [0; 4096]);
        // A frame ends with an empty line; HTTP's own line ends have a carriage return in between.
        while !received.windows(2).any(|pair| pair == b"\n\n") {
            let length = socket.read(&mut part).await?;
            received.extend_from_slice(&part[..length]);
            if length == 0 || (received.len() >= 12 && !received.starts_with(b"HTTP/1.1 200")) {
                return Err(format!("no stream: {}", String::from_utf8_lossy(&received)).into());
            }
        }
        Ok(socket)
    })
    .await
    .map_err(|_| "a stream was not open in time")?
}

/// Reads until this many events have arrived; says how long after its due moment each one did.
pub async fn read_events(mut socket: TcpStream, count: usize) -> Outcome<Latencies> {
    let mut latencies = Latencies::default();
    let (mut unread, mut part) = (Vec::new(), vec![0; 16 * 1024]);
    while latencies.len() < count {
        let length =
            timeout(TIMEOUT, socket.read(&mut part)).await.map_err(|_| "an event did not arrive in time")??;
        let now = since_1970();
        if length == 0 {
            return Err("the stream ended before its last event".into());
        }
        unread.extend_from_slice(&part[..length]);
        let whole_lines = unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = unread.drain(..whole_lines).collect::<Vec<u8>>();
        for due in dues(std::str::from_utf8(&lines)?) {
            latencies.push(now.saturating_sub(due));
        }
    }
    Ok(latencies)
}

fn dues(lines: &str) -> impl Iterator<Item = Duration> {
    let found = lines.split(DUE).skip(1);
    found.filter_map(|rest| rest.split_once(';')?.0.parse().ok()).map(Duration::from_micros)
}

/// The clock that server and reader share.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
