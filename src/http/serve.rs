//! The connection loop: hyper's HTTP/1 builder by hand, which cuts slow heads and clients that stop reading, bounds how many
//! connections there are, and lets the sockets of event streams go once their first frame is written.
//! Must not know any route.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::client::{Client, Peer};
use super::connections::{Connections, Held};
use super::delivery::Handover;
use super::error::ApiError;
use super::shares::Shares;
use super::socket::Socket;
use crate::meter;

/// The pause after a failed accept: it fails again at once while no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request's head of more bytes is refused, at the latest at twice as many, since hyper looks after each read; it takes
/// at most 100 headers by itself. This also bounds what is kept ready to be
/// written to a client that reads slowly.
pub(super) const HEAD_LIMIT: usize = 32 * 1024;

/// The most bytes that the system keeps for a client beyond what is on its way to it. Without it that grows to megabytes for
/// a client that stops reading.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 64 * 1024;

/// How many connections at once are told that there are too many; beyond it they are closed without a word.
const REFUSALS: usize = 64;

/// How long the request is waited for whose answer is that there are too many.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// The settings of the connection loop.
#[derive(Debug, Clone, Copy)]
pub struct ServeSettings {
    /// How long the head of a request may take.
    pub header_read_timeout: Duration,
    /// A peer that stops answering is noticed after about this long.
    pub dead_peer_timeout: Duration,
    /// A client that reads nothing for this long, while there is something to read, is cut.
    pub stall_limit: Duration,
    /// Connections that may be open; more are refused.
    pub max_connections: usize,
    /// Of these, those of one client address (of IPv6, one /64).
    pub max_connections_per_address: u32,
}

impl Default for ServeSettings {
    fn default() -> ServeSettings {
        ServeSettings {
            header_read_timeout: Duration::from_secs(10),
            dead_peer_timeout: Duration::from_secs(60),
            stall_limit: Duration::from_secs(30),
            max_connections: 100_000,
            max_connections_per_address: 100_000,
        }
    }
}

/// How many connections may wait to be accepted; the system may have a lower bound of its own. What comes beyond is dropped
/// and comes again after a second: 128, the usual number, let a crowd that comes back at once wait for that second.
const WAITING_CONNECTIONS: u32 = 4096;

/// Listens at an address; port 0 becomes one that is free.
///
/// # Errors
/// The address is not there, or taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // What is left of connections of before must not keep the address, except on Windows, where this would share it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CONNECTIONS)
}

/// Serves until `stop`; all connections that are still open then are cut.
pub async fn serve(listener: TcpListener, router: Router, settings: ServeSettings, stop: CancellationToken) {
    let connections = Connections::until(stop.clone(), settings.stall_limit);
    let accepting = accept(listener, router, settings, connections.clone());
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    connections.finish().await;
}

async fn accept(listener: TcpListener, router: Router, settings: ServeSettings, connections: Connections) {
    // On Linux connections take over what their listener has.
    if let Err(error) = prepare(SockRef::from(&listener), settings) {
        tracing::debug!(%error, "each connection is prepared by itself");
    }
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let shares = Shares::up_to(settings.max_connections_per_address);
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = prepare_once(&stream, settings) {
            tracing::debug!(%error, "the connection ended before it was served");
            continue;
        }
        let share = shares.take(Client::at(peer.ip()));
        let (Ok(place), Ok(share)) = (places.clone().try_acquire_owned(), share) else {
            meter::connection_refused();
            if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                connections.spawn(async move {
                    refuse(stream).await;
                    drop(refusal);
                });
            }
            continue;
        };
        let held = Held::new(place, share);
        connections.spawn(serve_connection(stream, peer, router.clone(), settings, held, connections.clone()));
    }
}

/// Prepares a connection, unless its listener was prepared when it came.
fn prepare_once(stream: &TcpStream, settings: ServeSettings) -> io::Result<()> {
    if stream.nodelay()? { Ok(()) } else { prepare(SockRef::from(stream), settings) }
}

/// Frames leave at once, and a peer that vanished without a word is noticed.
fn prepare(socket: SockRef<'_>, settings: ServeSettings) -> io::Result<()> {
    let probe = settings.dead_peer_timeout / 4;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(settings.dead_peer_timeout / 2).with_interval(probe))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket.set_tcp_user_timeout(Some(settings.dead_peer_timeout))?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
    }
    // The last, since it tells that all is set.
    socket.set_tcp_nodelay(true)
}

/// Serves requests until the connection ends or an event stream takes its socket over: hyper holds 8 KiB and more for a
/// connection, which an idle stream need not.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    settings: ServeSettings,
    held: Held,
    connections: Connections,
) {
    let handover = Handover::default();
    let of_request = handover.clone();
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(of_request.clone());
        request
    });
    let socket = Socket::new(stream, settings.stall_limit, handover.clone());
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
    let stream = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Err(ended)),
        Poll::Pending => handover.take().map_or(Poll::Pending, |stream| Poll::Ready(Ok(stream))),
    });
    match stream.await {
        // Requests that were sent behind that of the stream are not answered: the head has said that the connection ends
        // with it.
        Ok(stream) => stream.deliver(connection.into_parts().io.into_inner().into_stream(), held, &connections),
        Err(Ok(())) => {}
        Err(Err(error)) => tracing::debug!(%error, "a connection broke off"),
    }
}

/// Says that there are too many connections, once the client has sent something: to close before would reset the
/// connection, and the answer could get lost.
async fn refuse(mut stream: TcpStream) {
    let answer = async {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await?;
        stream.write_all(&ApiError::TooManyConnections.into_bytes()).await?;
        stream.shutdown().await
    };
    let _ = timeout(REFUSAL_TIME, answer).await;
}

#[cfg(test)]
mod tests {
    use futures_util::future::try_join_all;

    use super::*;

    const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    /// Nobody accepts meanwhile: one that found no place would never be connected.
    #[tokio::test]
    async fn a_crowd_may_wait_to_be_accepted() {
        let listener = listen(LOOPBACK).unwrap();
        let address = listener.local_addr().unwrap();
        let crowd = try_join_all((0..200).map(|_| TcpStream::connect(address)));
        timeout(Duration::from_secs(30), crowd).await.expect("all have a place").unwrap();
    }

    #[tokio::test]
    async fn a_connection_is_prepared_before_and_after_its_listener_is() {
        let settings = ServeSettings { dead_peer_timeout: Duration::from_secs(40), ..ServeSettings::default() };
        let listener = listen(LOOPBACK).unwrap();
        let _early = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (early, _) = listener.accept().await.unwrap();
        prepare(SockRef::from(&listener), settings).unwrap();
        let _late = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (late, _) = listener.accept().await.unwrap();
        for stream in [early, late] {
            prepare_once(&stream, settings).unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
            #[cfg(any(target_os = "linux", target_os = "android"))]
            {
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(20));
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
                assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(40)));
                assert_eq!(socket.tcp_notsent_lowat().unwrap(), UNSENT);
            }
        }
    }
}
