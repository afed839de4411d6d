//! A viewer that does not have everything yet, in a task of its own: whatever it misses is read and written, at its pace,
//! until nothing is left and it takes its seat.
//! Must not read ahead of what is written.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::chunk::{self, Chunk};
use super::unsent::Unsent;
use super::viewer::{Ends, Viewer, Wrote};
use super::{Delivery, KEEP_ALIVE, Shared};
use crate::event_log::Frame;
use crate::http::connections::Connections;
use crate::meter::{self, ReplayedFrom, StreamEnd};

/// How long a stream that must end may take for the chunk that it is in.
const LAST_CHUNK_TIME: Duration = Duration::from_secs(5);

/// How many looks into memory there are at the most before others have their turn, each for as many frames as a portion.
const PAGES_AT_ONCE: usize = 4;

/// A viewer on its way to its seat.
pub(super) struct CatchUp {
    viewer: Viewer,
    unsent: Unsent,
    delivery: Delivery,
    connections: Connections,
}

/// Why a viewer does not go on.
enum Stop {
    /// The stream ends.
    End(StreamEnd),
    /// The connection broke, or its client has gone or stopped reading.
    Gone,
}

impl CatchUp {
    /// A viewer that is to be sent this before anything else.
    pub(super) fn new(viewer: Viewer, unsent: Unsent, delivery: Delivery, connections: Connections) -> CatchUp {
        CatchUp { viewer, unsent, delivery, connections }
    }

    /// Seats a viewer that needs to wait for nothing. Any other has a task of its own.
    pub(super) fn begin(mut self) {
        match self.catch_up_at_once() {
            Ok(Some(doubts)) => self.viewer.sit(doubts),
            Ok(None) => self.connections.clone().spawn(self.run()),
            Err(_) => {}
        }
    }

    /// Writes what memory has, as long as the socket takes it; says what [`CatchUp::catch_up`] says if that is all.
    fn catch_up_at_once(&mut self) -> io::Result<Option<u64>> {
        for _ in 0..PAGES_AT_ONCE {
            let doubts = self.viewer.seat.doubts();
            let (log, subject) = (&self.delivery.0.log, self.viewer.seat.subject());
            let Some(frames) = log.look_after(subject, self.viewer.cursor, chunk::FRAMES) else { return Ok(None) };
            if frames.is_empty() {
                return Ok((!self.viewer.over).then_some(doubts));
            }
            for portion in chunk::portions(&frames) {
                meter::replayed(ReplayedFrom::Memory, portion.len());
                self.take(portion);
                self.viewer.write_some_now(&mut self.unsent)?;
                if !self.unsent.is_empty() {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    pub(super) async fn run(mut self) {
        match self.catch_up().await {
            Ok(doubts) => self.viewer.sit(doubts),
            Err(Stop::End(end)) => self.viewer.end(self.unsent, end, self.connections.stall_limit).await,
            Err(Stop::Gone) => {}
        }
    }

    /// Writes and reads until the viewer has everything; says how often the room had doubted before that was looked up.
    async fn catch_up(&mut self) -> Result<u64, Stop> {
        loop {
            self.write().await?;
            let doubts = self.viewer.seat.doubts();
            let frames = self.read().await?;
            for portion in chunk::portions(&frames) {
                self.take(portion);
                self.write().await?;
            }
            if frames.is_empty() && self.viewer.over {
                return Err(Stop::End(StreamEnd::Over));
            }
            // Something is unsent if only half a keep-alive could be written.
            if frames.is_empty() && self.unsent.is_empty() {
                return Ok(doubts);
            }
        }
    }

    /// These frames are to be written next.
    fn take(&mut self, portion: &[Frame]) {
        self.unsent.extend(self.viewer.framed(portion.iter().map(|frame| &frame.bytes)));
        if let Some(last) = portion.last() {
            (self.viewer.cursor, self.viewer.over) = (last.seq, last.terminal);
        }
    }

    /// Writes what is unsent. If the stream must end before that is done, it is given a moment to be whole.
    async fn write(&mut self) -> Result<(), Stop> {
        let (stall_limit, mut until) = (self.connections.stall_limit, self.viewer.ends);
        let end = tokio::select! {
            biased;
            written = self.viewer.write(&mut self.unsent, stall_limit) => {
                written.map_err(|_| Stop::Gone)?;
                None
            }
            end = must_end(&mut until, &self.delivery.0) => Some(end),
        };
        self.viewer.ends = until;
        let Some(end) = end else { return Ok(()) };
        match timeout(LAST_CHUNK_TIME, self.viewer.write(&mut self.unsent, stall_limit)).await {
            Ok(Ok(())) => Err(Stop::End(end)),
            _ => Err(Stop::Gone),
        }
    }

    /// The next page, empty if there is none. While the database is away the stream is kept alive.
    async fn read(&mut self) -> Result<Vec<Frame>, Stop> {
        let shared = &self.delivery.0;
        let mut page = pin!(shared.log.read_after(self.viewer.seat.subject(), self.viewer.cursor));
        let mut until = self.viewer.ends;
        let read = {
            let mut must_end = pin!(must_end(&mut until, shared));
            loop {
                tokio::select! {
                    end = &mut must_end => break Err(Stop::End(end)),
                    page = &mut page => break page.ok_or(Stop::End(StreamEnd::Failed)),
                    () = self.viewer.gone() => break Err(Stop::Gone),
                    () = sleep(shared.keep_alive), if self.unsent.is_empty() => {
                        match self.viewer.write_now(&Chunk::of([KEEP_ALIVE].iter())) {
                            Wrote::All => {}
                            Wrote::Part(rest) => self.unsent.push(rest),
                            Wrote::Nothing => break Err(Stop::Gone),
                        }
                    }
                }
            }
        };
        self.viewer.ends = until;
        read
    }
}

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
            () = sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => {
                return ends.by(Instant::now()).unwrap_or(StreamEnd::Drained);
            }
            else => std::future::pending().await,
        }
    }
}
