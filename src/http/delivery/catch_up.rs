//! A viewer that does not have everything yet, in a task of its own: whatever it misses is read and written, at its pace,
//! until nothing is left and it takes its seat.
//! Must not read ahead of what is written.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, sleep_until, timeout};

use super::chunk::{self, Chunk};
use super::unsent::Unsent;
use super::viewer::{Ends, Viewer, Wrote};
use super::{Delivery, KEEP_ALIVE, Shared};
use crate::event_log::Frame;
use crate::http::connections::Connections;
use crate::meter::StreamEnd;

/// How long a stream that must end may take for the chunk that it is in.
const LAST_CHUNK_TIME: Duration = Duration::from_secs(5);

/// A viewer on its way to its seat.
pub(super) struct CatchUp {
    viewer: Viewer,
    unsent: Unsent,
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
    /// A viewer that is to be sent this before anything else.
    pub(super) fn new(viewer: Viewer, unsent: Unsent, delivery: Delivery, connections: Connections) -> CatchUp {
        CatchUp { viewer, unsent, delivery, connections }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.write().await {
                Ok(None) => {}
                Ok(Some(end)) => return self.end(end).await,
                Err(Broken) => return,
            }
            let doubts = self.viewer.seat.doubts();
            match self.look().await {
                Look::Frames(frames) => match self.write_frames(&frames).await {
                    Ok(None) => {}
                    Ok(Some(end)) => return self.end(end).await,
                    Err(Broken) => return,
                },
                Look::Nothing if self.viewer.over => return self.end(StreamEnd::Over).await,
                // Only half a keep-alive could be written.
                Look::Nothing if !self.unsent.is_empty() => {}
                Look::Nothing => return self.viewer.sit(doubts),
                Look::End(end) => return self.end(end).await,
                Look::Gone => return,
            }
        }
    }

    /// Writes a page, chunk by chunk. Between two of them the stream can end.
    async fn write_frames(&mut self, mut frames: &[Frame]) -> Result<Option<StreamEnd>, Broken> {
        while let Some(portion) = frames.split_off(..chunk::portion(frames)).filter(|portion| !portion.is_empty()) {
            self.unsent.extend(self.viewer.framed(portion.iter().map(|frame| &frame.bytes)));
            if let Some(last) = portion.last() {
                (self.viewer.cursor, self.viewer.over) = (last.seq, last.terminal);
            }
            if let Some(end) = self.write().await? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Writes what is unsent. If the stream must end before that is done, it is given a moment to be whole.
    async fn write(&mut self) -> Result<Option<StreamEnd>, Broken> {
        let stall_limit = self.connections.stall_limit;
        let mut ends = self.viewer.ends;
        let end = tokio::select! {
            biased;
            written = self.viewer.write(&mut self.unsent, stall_limit) => return written.map(|()| None).map_err(|_| Broken),
            end = must_end(&mut ends, &self.delivery.0) => end,
        };
        let written = timeout(LAST_CHUNK_TIME, self.viewer.write(&mut self.unsent, stall_limit)).await;
        if matches!(written, Ok(Ok(()))) { Ok(Some(end)) } else { Err(Broken) }
    }

    async fn end(self, end: StreamEnd) {
        self.viewer.end(self.unsent, end, self.connections.stall_limit).await;
    }

    /// Reads on. While the database is away the stream is kept alive.
    async fn look(&mut self) -> Look {
        let shared = &self.delivery.0;
        let mut page = pin!(shared.log.read_after(self.viewer.seat.subject(), self.viewer.cursor));
        let mut ends = self.viewer.ends;
        let look = {
            let mut must_end = pin!(must_end(&mut ends, shared));
            loop {
                tokio::select! {
                    end = &mut must_end => break Look::End(end),
                    page = &mut page => break match page {
                        Some(frames) if frames.is_empty() => Look::Nothing,
                        Some(frames) => Look::Frames(frames),
                        None => Look::End(StreamEnd::Failed),
                    },
                    () = self.viewer.gone() => break Look::Gone,
                    () = sleep(shared.keep_alive), if self.unsent.is_empty() => {
                        match self.viewer.write_now(&Chunk::of([KEEP_ALIVE].iter())) {
                            Wrote::All => {}
                            Wrote::Part(rest) => self.unsent.push(rest),
                            Wrote::Nothing => break Look::Gone,
                        }
                    }
                }
            }
        };
        self.viewer.ends = ends;
        look
    }
}

/// The connection broke, or its client has stopped reading.
struct Broken;

/// Returns when the stream must end, which a drain brings nearer.
async fn must_end(ends: &mut Ends, shared: &Shared) -> StreamEnd {
    let mut drains = false;
    loop {
        let at = ends.at();
        tokio::select! {
            biased;
            () = shared.draining.cancelled(), if !drains => {
                drains = true;
                ends.drain(shared.drain_spread);
            }
            () = sleep_until(at.unwrap_or_else(tokio::time::Instant::now)), if at.is_some() => {
                return ends.by(tokio::time::Instant::now()).unwrap_or(StreamEnd::Drained);
            }
            else => std::future::pending().await,
        }
    }
}
