//! The viewers of one subject that have everything: one task hears what is committed and writes it to each of them.
//! Must not wait for a viewer: whoever cannot take a write at once leaves to catch up by itself.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep, sleep_until};

use super::catch_up::CatchUp;
use super::chunk::Chunk;
use super::rooms::{Arrival, Door};
use super::unsent::Unsent;
use super::viewer::{Viewer, Wrote};
use super::{Delivery, KEEP_ALIVE};
use crate::event::Seq;
use crate::event_log::{Frame, Heard, Subscription};
use crate::http::connections::Connections;
use crate::meter::{self, StreamEnd};

/// The most frames that are written together, and about the most bytes: more than a socket takes at once would send all
/// viewers to catch up.
const FRAMES: usize = 64;
const BYTES: usize = 32 * 1024;

/// A reading of the log for those in the room.
type Reading = Pin<Box<dyn Future<Output = Option<Vec<Frame>>> + Send>>;

/// The task's state.
pub(super) struct Room {
    viewers: Vec<Viewer>,
    /// Each viewer has at least what lies up to here.
    heard: Seq,
    /// Whether the subject was over with the last frame that was written.
    over: bool,
    /// While it runs nothing is heard: the channel keeps it, or says that it could not.
    reading: Option<Reading>,
    live: Subscription,
    door: Arc<Door>,
    delivery: Delivery,
    connections: Connections,
    /// When the first viewer's stream must end.
    next_end: Option<Instant>,
    draining: bool,
}

enum Turn {
    Arrived(Option<Vec<Arrival>>),
    Read(Option<Vec<Frame>>),
    Heard(Heard),
    Silent,
    Drains,
    SomeEnd,
}

impl Room {
    pub(super) fn new(live: Subscription, door: Arc<Door>, delivery: Delivery, connections: Connections) -> Room {
        Room {
            viewers: Vec::new(),
            heard: 0,
            over: false,
            reading: None,
            live,
            door,
            delivery,
            connections,
            next_end: None,
            draining: false,
        }
    }

    /// Runs until all seats are given back.
    pub(super) async fn run(mut self) {
        let keep_alive = self.delivery.0.keep_alive;
        let mut silence = pin!(sleep(keep_alive));
        loop {
            let turn = tokio::select! {
                biased;
                arrivals = self.door.arrivals() => Turn::Arrived(arrivals),
                () = sleep_until(self.next_end.unwrap_or_else(Instant::now)), if self.next_end.is_some() => Turn::SomeEnd,
                () = self.delivery.0.draining.cancelled(), if !self.draining => Turn::Drains,
                page = read(&mut self.reading), if self.reading.is_some() => Turn::Read(page),
                heard = self.live.hear(), if self.reading.is_none() => Turn::Heard(heard),
                () = departures(&mut self.viewers) => continue,
                () = &mut silence => Turn::Silent,
            };
            let wrote = match turn {
                Turn::Arrived(None) => return,
                Turn::Arrived(Some(arrivals)) => self.welcome(arrivals),
                Turn::Read(page) => self.take_page(page),
                Turn::Heard(heard) => self.take(heard),
                Turn::Silent => self.write_all(&Chunk::of([KEEP_ALIVE].iter())),
                Turn::Drains => self.drain(),
                Turn::SomeEnd => self.end_those_due(),
            };
            if wrote {
                silence.as_mut().reset(Instant::now() + keep_alive);
            }
        }
    }

    /// Seats those who have everything that the room has; the others go and read what they miss.
    fn welcome(&mut self, arrivals: Vec<Arrival>) -> bool {
        for Arrival { mut viewer, doubts } in arrivals {
            if viewer.cursor < self.heard || doubts != self.door.doubts() {
                self.send_out(viewer, Unsent::default(), false);
                continue;
            }
            if self.viewers.is_empty() {
                (self.heard, self.over, self.reading) = (viewer.cursor, false, None);
            }
            if self.draining {
                viewer.drain(self.delivery.0.drain_spread);
            }
            self.next_end = self.next_end.into_iter().chain(viewer.ends_at()).min();
            self.viewers.push(viewer);
        }
        false
    }

    /// Writes what is heard, together with all that can be heard without waiting.
    fn take(&mut self, first: Heard) -> bool {
        let (mut frames, mut bytes, mut reached, mut doubt) = (Vec::new(), 0, self.heard, false);
        let mut next = Some(first);
        while let Some(heard) = next {
            match heard {
                Heard::Frame(frame) if frame.seq <= reached => {}
                Heard::Frame(frame) if frame.seq == reached + 1 || self.viewers.is_empty() => {
                    (reached, bytes) = (frame.seq, bytes + frame.bytes.len());
                    frames.push(frame);
                }
                Heard::Frame(_) | Heard::Doubt => {
                    doubt = true;
                    break;
                }
            }
            next = if frames.len() < FRAMES && bytes < BYTES { self.live.try_hear() } else { None };
        }
        self.write_frames(&frames);
        if doubt {
            // Those who are catching up may have looked before what is missing was there.
            self.door.doubt();
        }
        if doubt || self.over {
            self.read_on();
        }
        !frames.is_empty()
    }

    /// Reads what may be missing for those who are here. After a terminal event that is a retry's, or nothing.
    fn read_on(&mut self) {
        if self.viewers.is_empty() {
            return;
        }
        let (log, subject, heard) = (self.delivery.0.log.clone(), self.live.subject(), self.heard);
        self.reading = Some(Box::pin(async move { log.read_after(subject, heard).await }));
    }

    fn take_page(&mut self, page: Option<Vec<Frame>>) -> bool {
        self.reading = None;
        match page {
            Some(frames) if !frames.is_empty() => {
                self.write_frames(&frames);
                self.read_on();
                return true;
            }
            Some(_) if self.over => self.end_all(StreamEnd::Over),
            Some(_) => {}
            None => self.end_all(StreamEnd::Failed),
        }
        false
    }

    /// Writes to each viewer what it does not have of these frames.
    fn write_frames(&mut self, frames: &[Frame]) {
        let Some(last) = frames.last() else { return };
        let (heard, mut written) = (std::mem::replace(&mut self.heard, last.seq), 0);
        self.over = last.terminal;
        let all = Chunk::of(frames.iter().map(|frame| &frame.bytes));
        let mut place = 0;
        while let Some(viewer) = self.viewers.get_mut(place) {
            if viewer.cursor >= last.seq {
                place += 1;
                continue;
            }
            // A viewer may have read further than the room.
            let missed = &frames[frames.partition_point(|frame| frame.seq <= viewer.cursor)..];
            let part = match missed.first() {
                _ if viewer.cursor == heard => Some(all.clone()),
                Some(first) if first.seq == viewer.cursor + 1 => {
                    Some(Chunk::of(missed.iter().map(|frame| &frame.bytes)))
                }
                // The first of them is several that were merged, of which it has some.
                _ => None,
            };
            let Some(part) = part else {
                let viewer = self.viewers.swap_remove(place);
                self.send_out(viewer, Unsent::default(), false);
                continue;
            };
            viewer.cursor = last.seq;
            written += 1;
            self.write_to(&mut place, &part);
        }
        frames.iter().filter_map(|frame| frame.lag).for_each(|lag| meter::delivered(lag, written));
    }

    fn write_all(&mut self, chunk: &Chunk) -> bool {
        let mut place = 0;
        while place < self.viewers.len() {
            self.write_to(&mut place, chunk);
        }
        true
    }

    /// Writes to the viewer at this place, and goes on to the next. One that cannot take it at once leaves.
    fn write_to(&mut self, place: &mut usize, chunk: &Chunk) {
        match self.viewers[*place].write_now(chunk) {
            Wrote::All => *place += 1,
            Wrote::Part(rest) => {
                let viewer = self.viewers.swap_remove(*place);
                self.send_out(viewer, Unsent::from(rest), self.over);
            }
            Wrote::Nothing => drop(self.viewers.swap_remove(*place)),
        }
    }

    fn send_out(&self, viewer: Viewer, unsent: Unsent, over: bool) {
        let catch_up = CatchUp::new(viewer, self.delivery.clone(), self.connections.clone()).behind(unsent, over);
        self.connections.spawn(catch_up.run());
    }

    fn drain(&mut self) -> bool {
        self.draining = true;
        let spread = self.delivery.0.drain_spread;
        self.viewers.iter_mut().for_each(|viewer| viewer.drain(spread));
        self.note_next_end();
        false
    }

    fn end_those_due(&mut self) -> bool {
        let now = Instant::now();
        let mut place = 0;
        while let Some(viewer) = self.viewers.get(place) {
            match viewer.must_end(now) {
                Some(end) => self.end(place, end),
                None => place += 1,
            }
        }
        self.note_next_end();
        false
    }

    fn note_next_end(&mut self) {
        self.next_end = self.viewers.iter().filter_map(Viewer::ends_at).min();
    }

    fn end_all(&mut self, end: StreamEnd) {
        while !self.viewers.is_empty() {
            self.end(self.viewers.len() - 1, end);
        }
    }

    fn end(&mut self, place: usize, end: StreamEnd) {
        let viewer = self.viewers.swap_remove(place);
        self.connections.spawn(viewer.end(Unsent::default(), end, self.connections.stall_limit));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // A viewer in the door holds its seat, and its seat the door.
        drop(self.door.close());
    }
}

async fn read(reading: &mut Option<Reading>) -> Option<Vec<Frame>> {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

/// Returns when viewers have gone, without them.
async fn departures(viewers: &mut Vec<Viewer>) {
    poll_fn(|cx| {
        let before = viewers.len();
        let mut place = 0;
        while let Some(viewer) = viewers.get(place) {
            match viewer.poll_gone(cx) {
                Poll::Ready(()) => drop(viewers.swap_remove(place)),
                Poll::Pending => place += 1,
            }
        }
        if viewers.len() < before { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
