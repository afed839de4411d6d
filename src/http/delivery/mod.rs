//! Delivers event streams on sockets that have left hyper: a viewer catches up by itself, then sits in a room of its
//! subject, whose one task writes each new frame to all of them.
//! Must not keep a queue, a buffer or a task for a viewer that has everything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use self::catch_up::CatchUp;
use self::rooms::Rooms;
use self::unsent::Unsent;
use self::viewer::Viewer;
use super::connections::{Connections, Held};
use super::event_stream::Admission;
use crate::event::{Seq, Subject};
use crate::event_log::EventLog;
use crate::meter::{self, ReplayedFrom};

mod catch_up;
mod chunk;
mod handover;
mod room;
mod rooms;
mod seated;
#[cfg(test)]
mod tests;
mod unsent;
mod viewer;

pub(super) use handover::{Handover, Leaving};

/// A comment that shows proxies and watchdogs that the stream lives.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// What all deliveries share. A cheap handle.
#[derive(Clone)]
pub(super) struct Delivery(Arc<Shared>);

struct Shared {
    log: EventLog,
    rooms: Rooms,
    /// A comment is sent after this much silence.
    keep_alive: Duration,
    /// Cancelled when the process drains: streams then end, spread over this time.
    draining: CancellationToken,
    drain_spread: Duration,
}

impl Delivery {
    pub(super) fn new(
        log: EventLog,
        keep_alive: Duration,
        draining: CancellationToken,
        drain_spread: Duration,
    ) -> Delivery {
        Delivery(Arc::new(Shared { log, rooms: Rooms::default(), keep_alive, draining, drain_spread }))
    }
}

/// A stream whose head and first frame are on their way: what follows, and what it holds until it ends.
pub(super) struct EventStream {
    pub(super) delivery: Delivery,
    pub(super) subject: Subject,
    /// Up to here the viewer has everything, or it is on its way.
    pub(super) cursor: Seq,
    /// Whether the subject was over with the event at the cursor.
    pub(super) over: bool,
    pub(super) admission: Admission,
    /// Whether the body is in chunks (RFC 9112, section 7.1); if not, it ends with the connection.
    pub(super) chunked: bool,
}

impl EventStream {
    /// Adds to the first frame what is in memory behind the cursor, as far as it may be written together, so that a viewer
    /// who comes back has it with the head.
    pub(super) fn with_missed(&mut self, first: String) -> Bytes {
        let missed = self.delivery.0.log.look_after(self.subject, self.cursor, chunk::FRAMES).unwrap_or_default();
        let mut length = first.len();
        let fits = missed.iter().take_while(|frame| {
            length += frame.bytes.len();
            length <= chunk::BYTES
        });
        let missed = &missed[..fits.count()];
        let Some(last) = missed.last() else { return first.into() };
        (self.cursor, self.over) = (last.seq, last.terminal);
        meter::replayed(ReplayedFrom::Memory, missed.len());
        let missed = missed.iter().map(|frame| &*frame.bytes);
        std::iter::once(first.as_bytes()).chain(missed).collect::<Vec<_>>().concat().into()
    }

    /// Goes on from here on the bare socket: at once, or in a task of its own until the viewer has everything.
    pub(super) fn deliver(self, socket: TcpStream, held: Held, connections: &Connections) {
        // The room hears the subject from now on, which is before anything is read.
        let seat = Rooms::seat(&self.delivery, self.subject, self.cursor, connections);
        let (delivery, connections_too) = (self.delivery.clone(), connections.clone());
        let viewer = Viewer::new(socket, seat, self, held);
        CatchUp::new(viewer, Unsent::default(), delivery, connections_too).begin();
    }
}
