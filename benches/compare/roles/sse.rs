//! What one would write in an afternoon with axum: a broadcast channel behind `Sse`, under `axum::serve`.
//! Must not be worse than what axum's documentation shows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use dashmap::DashMap;
use futures_util::{Stream, StreamExt};
use tokio::net::TcpSocket;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::greet;
use crate::Outcome;

/// As many events as any reader here may be behind.
const CAPACITY: usize = 1024;

/// What the readers of a channel are sent: a number and the data.
type Channels = Arc<DashMap<u32, broadcast::Sender<(u64, String)>>>;

pub async fn run() -> Outcome<()> {
    let router = Router::new()
        .route("/sub/{channel}", get(follow))
        .route("/pub/{channel}", post(publish))
        .with_state(Channels::default());
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(4096)?;
    greet(listener.local_addr()?)?;
    Ok(axum::serve(listener, router).await?)
}

async fn follow(
    State(channels): State<Channels>,
    Path(channel): Path<u32>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = channels.entry(channel).or_insert_with(|| broadcast::channel(CAPACITY).0).subscribe();
    // A reader that lags misses events, as in the documentation.
    let events = BroadcastStream::new(receiver).filter_map(|sent| async {
        let (number, data) = sent.ok()?;
        Some(Ok(Event::default().id(number.to_string()).event("progress").data(data)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(State(channels): State<Channels>, Path(channel): Path<u32>, data: String) -> StatusCode {
    if let Some(sender) = channels.get(&channel) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let _ = sender.send((NUMBER.fetch_add(1, Ordering::Relaxed), data));
    }
    StatusCode::NO_CONTENT
}
