//! An origin behind Pushpin: it answers a request for a stream by handing the connection over.
//! Must not stay in the way of events: they go to Pushpin itself.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;

use super::greet;
use crate::Outcome;

pub async fn run() -> Outcome<()> {
    let router = Router::new().route("/sub/{channel}", get(hold));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    greet(listener.local_addr()?)?;
    Ok(axum::serve(listener, router).await?)
}

async fn hold(Path(channel): Path<u32>) -> ([(&'static str, String); 3], &'static str) {
    let text = |text: &str| text.to_owned();
    let headers = [
        ("content-type", text("text/event-stream")),
        ("grip-hold", text("stream")),
        ("grip-channel", channel.to_string()),
    ];
    (headers, "")
}
