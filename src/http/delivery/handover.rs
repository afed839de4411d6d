//! The moment at which an event stream's socket leaves hyper: once the response's head and first frame are written.
//! Must not write a byte; hyper does until then, and whoever the socket is handed to from then on.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::EventStream;

/// What a connection's response, its socket and the connection loop tell each other. A cheap handle.
#[derive(Clone, Default)]
pub(in super::super) struct Handover(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    /// The connection belongs to hyper.
    #[default]
    Hypers,
    /// Hyper has taken all that it is to write; it may still lie in hyper's buffer.
    Buffered(Box<EventStream>),
    /// Hyper's buffer is empty.
    Written(Box<EventStream>),
}

impl Handover {
    /// Hyper has written all that it had.
    pub(in super::super) fn flushed(&self) {
        let mut state = self.lock();
        *state = match std::mem::take(&mut *state) {
            State::Buffered(stream) | State::Written(stream) => State::Written(stream),
            State::Hypers => State::Hypers,
        };
    }

    /// The stream that takes the socket over, once it may.
    pub(in super::super) fn take(&self) -> Option<EventStream> {
        let mut state = self.lock();
        match std::mem::take(&mut *state) {
            State::Written(stream) => Some(*stream),
            other => {
                *state = other;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a response whose socket leaves hyper after the first frame: it yields that and never ends.
pub(in super::super) struct Leaving {
    first: Option<Bytes>,
    stream: Option<Box<EventStream>>,
    handover: Handover,
}

impl Leaving {
    pub(in super::super) fn after(first: Bytes, stream: EventStream, handover: Handover) -> Leaving {
        Leaving { first: Some(first), stream: Some(Box::new(stream)), handover }
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        // Asked for more, hyper has buffered the first frame behind the head. What it writes next is all of it: a flush
        // follows in the same poll of the connection, or when the socket can be written.
        if let Some(stream) = self.stream.take() {
            *self.handover.lock() = State::Buffered(stream);
        }
        Poll::Pending
    }
}
