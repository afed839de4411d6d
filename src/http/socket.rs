//! A connection's socket as hyper uses it: one whose client has stopped reading is cut, and what hyper answers by itself
//! is put into the contract's words.
//! Must not hold back or reorder what is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::delivery::Handover;
use super::error;
use crate::meter;

/// What a client still sends after its request was refused is read for this long and up to this many bytes: to close with
/// bytes unread would reset the connection, and the answer could get lost.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// A socket that is read and written by one task.
pub(super) struct Socket {
    stream: TcpStream,
    stall_limit: Duration,
    /// Running while a write waits for the client. Made when it is needed: most sockets never wait.
    stalled: Option<Pin<Box<Sleep>>>,
    refusal: Option<Box<Refusal>>,
    handover: Handover,
}

/// An answer of hyper's, said in our words.
struct Refusal {
    answer: Vec<u8>,
    written: usize,
    linger: Pin<Box<Sleep>>,
    read: usize,
}

impl Socket {
    /// A write that makes no progress for `stall_limit` fails, and the connection with it.
    pub(super) fn new(stream: TcpStream, stall_limit: Duration, handover: Handover) -> Socket {
        Socket { stream, stall_limit, stalled: None, refusal: None, handover }
    }

    /// The bare socket.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Fails a write that has waited for too long. An acknowledging peer with a full buffer would wait for ever: the
    /// system's own timeout is for peers that do not acknowledge.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.stall_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        self.stalled = None;
        Poll::Ready(Err(cut_stalled(&self.stream)))
    }

    /// Writes our answer in the place of hyper's; `length` bytes of that count as written then.
    fn write_refusal(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some(refusal) = &mut self.refusal
            && refusal.written < refusal.answer.len()
        {
            let written = Pin::new(&mut self.stream).poll_write(cx, &refusal.answer[refusal.written..]);
            let written = ready!(self.watch(cx, written))?;
            if let Some(refusal) = &mut self.refusal {
                refusal.written += written;
            }
        }
        Poll::Ready(Ok(length))
    }

    /// Whether hyper is about to say by itself that a request cannot be read.
    fn refuses(&mut self, head: &[u8]) -> bool {
        if self.refusal.is_none() {
            self.refusal = error::in_place_of(head)
                .map(|answer| Box::new(Refusal { answer, written: 0, linger: Box::pin(sleep(LINGER)), read: 0 }));
        }
        self.refusal.is_some()
    }
}

/// Has the connection closed with a reset, so that the system forgets at once what nobody reads. What the client has
/// received it can still read.
pub(super) fn cut_stalled(stream: &TcpStream) -> io::Error {
    meter::connection_stalled();
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    io::Error::new(io::ErrorKind::TimedOut, "the client has stopped reading")
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.refuses(bytes) {
            return self.write_refusal(cx, bytes.len());
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if parts.first().is_some_and(|first| self.refuses(first)) {
            return self.write_refusal(cx, parts.iter().map(|part| part.len()).sum());
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Hyper flushes when its buffer is empty.
        self.handover.flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let Socket { stream, refusal: Some(refusal), .. } = &mut *self else { return Poll::Ready(Ok(())) };
        let mut bytes = [0; 8 * 1024];
        while refusal.read < LINGER_BYTES && refusal.linger.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => refusal.read += buffer.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
