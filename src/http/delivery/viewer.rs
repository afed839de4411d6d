//! One viewer's socket and all that is held for it.
//! Must not read the event log.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::RngExt;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::EventStream;
use super::chunk::{self, Chunk};
use super::rooms::Seat;
use super::unsent::Unsent;
use crate::event::Seq;
use crate::http::connections::Held;
use crate::http::event_stream::{self, Admission};
use crate::http::socket;
use crate::meter::{OpenStream, StreamEnd};

/// What a client sends on a stream is read in pieces of this size and forgotten; one that sends more than the limit is cut.
const PIECE: usize = 4096;
const IGNORED_LIMIT: usize = 128 * 1024;

/// A client that still sends when its stream has ended is listened to for so long: to close with bytes unread would reset
/// the connection, and the end could get lost.
const LINGER: Duration = Duration::from_secs(1);

/// Whoever follows a stream.
pub(super) struct Viewer {
    socket: TcpStream,
    /// Up to here it has everything, or it is being written.
    pub(super) cursor: Seq,
    /// Whether its subject was over with the event at its cursor.
    pub(super) over: bool,
    chunked: bool,
    /// When the stream must end whatever happens, and why.
    pub(super) ends: Ends,
    /// Bytes that its client has sent on the stream.
    ignored: usize,
    counted: OpenStream,
    pub(super) seat: Seat,
    _admission: Admission,
    _held: Held,
}

/// What became of a write that does not wait.
pub(super) enum Wrote {
    All,
    /// This is left, for the socket is full.
    Part(Bytes),
    /// The connection is broken.
    Nothing,
}

impl Viewer {
    pub(super) fn new(socket: TcpStream, seat: Seat, stream: EventStream, held: Held) -> Viewer {
        let EventStream { subject, cursor, over, admission, chunked, .. } = stream;
        let ends = Ends(admission.until.and_then(instant).map(|at| (at, StreamEnd::Expired)));
        let counted = OpenStream::open(subject.into());
        Viewer { socket, cursor, over, chunked, ends, ignored: 0, counted, seat, _admission: admission, _held: held }
    }

    /// Writes as much as the socket takes at once.
    pub(super) fn write_now(&self, chunk: &Chunk) -> Wrote {
        let bytes = chunk.for_viewer(self.chunked);
        match self.socket.try_write(bytes) {
            Ok(written) if written == bytes.len() => Wrote::All,
            Ok(written) => Wrote::Part(chunk.rest_for_viewer(self.chunked, written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Wrote::Part(chunk.rest_for_viewer(self.chunked, 0)),
            Err(_) => Wrote::Nothing,
        }
    }

    /// Writes as much of it as the socket takes at once.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) fn write_some_now(&self, unsent: &mut Unsent) -> io::Result<()> {
        while !unsent.is_empty() {
            match self.socket.try_write_vectored(&unsent.slices()) {
                Ok(written) => unsent.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Frames as they are to be written to this viewer.
    pub(super) fn framed<'a, I: Iterator<Item = &'a Bytes> + Clone>(
        &self,
        frames: I,
    ) -> impl Iterator<Item = Bytes> + use<'a, I> {
        chunk::parts(frames, self.chunked)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The connection broke, or nothing could be written for `stall_limit`; then it is cut.
    pub(super) async fn write(&self, unsent: &mut Unsent, stall_limit: Duration) -> io::Result<()> {
        loop {
            self.write_some_now(unsent)?;
            if unsent.is_empty() {
                return Ok(());
            }
            match timeout(stall_limit, self.socket.writable()).await {
                Ok(writable) => writable?,
                Err(_) => return Err(socket::cut_stalled(&self.socket)),
            }
        }
    }

    /// Returns when the client has closed the connection, it broke, or the client sends without end.
    pub(super) async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.socket.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            match self.ignore() {
                Ok(0) => return Poll::Ready(()),
                Ok(_) if self.ignored > IGNORED_LIMIT => return Poll::Ready(()),
                Ok(_) => {
                    // The others have their turn before the rest of it.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Reads what the client has sent, if it has.
    fn ignore(&mut self) -> io::Result<usize> {
        let read = self.socket.try_read(&mut [0; PIECE])?;
        self.ignored += read;
        Ok(read)
    }

    /// Ends the stream properly, behind what it was still to be sent. Where its subject goes on, the client is told when to
    /// come back.
    pub(super) async fn end(mut self, mut unsent: Unsent, end: StreamEnd, stall_limit: Duration) {
        self.counted.ends(end);
        if matches!(end, StreamEnd::Drained | StreamEnd::Expired) {
            unsent.extend(self.framed([event_stream::last_frame()].iter()));
        }
        unsent.push(chunk::end(self.chunked));
        // Whoever has gone needs no end.
        if self.write(&mut unsent, stall_limit).await.is_ok() && matches!(self.ignore(), Ok(1..)) {
            let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
            let _ = timeout(LINGER, self.gone()).await;
        }
    }
}

/// When a stream must end whatever happens, and why.
#[derive(Clone, Copy)]
pub(super) struct Ends(Option<(Instant, StreamEnd)>);

impl Ends {
    pub(super) fn at(self) -> Option<Instant> {
        self.0.map(|(at, _)| at)
    }

    /// Why it must end by then, if it must.
    pub(super) fn by(self, now: Instant) -> Option<StreamEnd> {
        self.0.filter(|(at, _)| *at <= now).map(|(_, end)| end)
    }

    /// The process drains: the stream ends within `spread`, so that not all come back at once.
    pub(super) fn drain(&mut self, spread: Duration) {
        let at = Instant::now() + spread.mul_f64(rand::rng().random_range(0.0..=1.0));
        if self.0.is_none_or(|(ends, end)| end != StreamEnd::Drained && at < ends) {
            self.0 = Some((at, StreamEnd::Drained));
        }
    }
}

/// The instant at that time, now if it is over; none for one that lies beyond all clocks.
fn instant(time: DateTime<Utc>) -> Option<Instant> {
    Instant::now().checked_add((time - Utc::now()).to_std().unwrap_or_default())
}
