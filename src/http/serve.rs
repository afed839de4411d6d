//! The connection loop: hyper's HTTP/1 builder by hand, which holds an idle stream in about half the memory of
//! `axum::serve` and cuts slow headers off. Must not know any route.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pause after a failed accept: it fails again at once while no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The settings of the connection loop.
#[derive(Debug, Clone, Copy)]
pub struct ServeSettings {
    /// How long the head of a request may take.
    pub header_read_timeout: Duration,
    /// A peer that stops answering is noticed after about this long.
    pub dead_peer_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> ServeSettings {
        ServeSettings { header_read_timeout: Duration::from_secs(10), dead_peer_timeout: Duration::from_secs(60) }
    }
}

/// Serves until `stop`; all connections that are still open then are cut.
pub async fn serve(listener: TcpListener, router: Router, settings: ServeSettings, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let accepting = accept(listener, router, settings, connections.clone(), stop.clone());
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = prepare(&stream, settings) {
            tracing::debug!(%error, "the connection ended before it was served");
            continue;
        }
        let connection = serve_connection(stream, router.clone(), settings);
        let stop = stop.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Frames leave at once, and a peer that vanished without a word is noticed.
fn prepare(stream: &TcpStream, settings: ServeSettings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probe = settings.dead_peer_timeout / 4;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(settings.dead_peer_timeout / 2).with_interval(probe))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(settings.dead_peer_timeout))?;
    Ok(())
}

async fn serve_connection(stream: TcpStream, router: Router, settings: ServeSettings) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke off");
    }
}
