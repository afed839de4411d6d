//! A viewer that does not have everything yet, in a task of its own: whatever it misses is read and written, at its pace,
//! until nothing is left and it takes its seat.
//! Must not read ahead of what is written.

use tokio::time::{Instant, sleep, sleep_until};

use super::chunk::Chunk;
use super::unsent::Unsent;
use super::viewer::{Viewer, Wrote};
use super::{Delivery, KEEP_ALIVE};
use crate::event_log::Frame;
use crate::http::connections::Connections;
use crate::meter::StreamEnd;

/// A viewer on its way to its seat.
pub(super) struct CatchUp {
    viewer: Viewer,
    unsent: Unsent,
    /// Whether the subject was over with the last event that it has.
    over: bool,
    delivery: Delivery,
    connections: Connections,
}

/// What the next look at the log comes to.
enum Look {
    /// These come next.
    Frames(Vec<Frame>),
    /// It has everything.
    Nothing,
    /// The stream ends.
    End(StreamEnd),
    /// The client has gone.
    Gone,
}

impl CatchUp {
    pub(super) fn new(viewer: Viewer, delivery: Delivery, connections: Connections) -> CatchUp {
        CatchUp { viewer, unsent: Unsent::default(), over: false, delivery, connections }
    }

    /// The same for a viewer that has not been sent all of what it was to be sent.
    pub(super) fn behind(self, unsent: Unsent, over: bool) -> CatchUp {
        CatchUp { unsent, over, ..self }
    }

    pub(super) async fn run(mut self) {
        let stall_limit = self.connections.stall_limit;
        loop {
            if self.viewer.write(&mut self.unsent, stall_limit).await.is_err() {
                return;
            }
            let doubts = self.viewer.seat.doubts();
            match self.look().await {
                Look::Frames(frames) => self.take(&frames),
                Look::Nothing if self.over => return self.end(StreamEnd::Over).await,
                // Only half a keep-alive could be written.
                Look::Nothing if !self.unsent.is_empty() => {}
                Look::Nothing => return self.viewer.sit(doubts),
                Look::End(end) => return self.end(end).await,
                Look::Gone => return,
            }
        }
    }

    async fn end(self, end: StreamEnd) {
        self.viewer.end(self.unsent, end, self.connections.stall_limit).await;
    }

    fn take(&mut self, frames: &[Frame]) {
        self.unsent.extend(self.viewer.framed(frames.iter().map(|frame| &frame.bytes)));
        if let Some(last) = frames.last() {
            (self.viewer.cursor, self.over) = (last.seq, last.terminal);
        }
    }

    /// Reads on. While the database is away the stream is kept alive.
    async fn look(&mut self) -> Look {
        let shared = &self.delivery.0;
        let mut page = std::pin::pin!(shared.log.read_after(self.viewer.seat.subject(), self.viewer.cursor));
        let mut drains = shared.draining.is_cancelled();
        if drains {
            self.viewer.drain(shared.drain_spread);
        }
        loop {
            if let Some(end) = self.viewer.must_end(Instant::now()) {
                return Look::End(end);
            }
            let ends_at = self.viewer.ends_at();
            tokio::select! {
                page = &mut page => return match page {
                    Some(frames) if frames.is_empty() => Look::Nothing,
                    Some(frames) => Look::Frames(frames),
                    None => Look::End(StreamEnd::Failed),
                },
                () = self.viewer.gone() => return Look::Gone,
                () = shared.draining.cancelled(), if !drains => {
                    drains = true;
                    self.viewer.drain(shared.drain_spread);
                }
                () = sleep_until(ends_at.unwrap_or_else(Instant::now)), if ends_at.is_some() => {}
                () = sleep(shared.keep_alive), if self.unsent.is_empty() => {
                    match self.viewer.write_now(&Chunk::of([KEEP_ALIVE].iter())) {
                        Wrote::All => {}
                        Wrote::Part(rest) => self.unsent.push(rest),
                        Wrote::Nothing => return Look::Gone,
                    }
                }
            }
        }
    }
}
