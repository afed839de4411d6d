//! The viewers of one subject that have everything: one task hears what is committed and writes it to each of them.
//! Must not wait for a viewer: whoever cannot take a write at once leaves to catch up by itself.

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};

use super::catch_up::CatchUp;
use super::chunk::{self, BYTES, Chunk, FRAMES};
use super::rooms::{Arrival, Door};
use super::seated::Seated;
use super::unsent::Unsent;
use super::viewer::{Viewer, Wrote};
use super::{Delivery, KEEP_ALIVE};
use crate::event::Seq;
use crate::event_log::{Frame, Heard, Subscription};
use crate::http::connections::Connections;
use crate::meter::{self, StreamEnd};

/// A reading of the log for those in the room.
type Reading = Pin<Box<dyn Future<Output = Option<Vec<Frame>>> + Send>>;

/// The task's state.
pub(super) struct Room {
    viewers: Seated<Viewer>,
    /// Each viewer has what lies up to here; one that has read for itself may have more.
    heard: Seq,
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
            viewers: Seated::default(),
            heard: 0,
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
                () = self.viewers.departures() => continue,
                () = &mut silence => Turn::Silent,
            };
            let wrote = match turn {
                Turn::Arrived(None) => return,
                Turn::Arrived(Some(arrivals)) => {
                    self.welcome(arrivals);
                    false
                }
                Turn::Read(page) => self.take_page(page),
                Turn::Heard(heard) => self.take(heard),
                Turn::Silent => {
                    self.keep_alive();
                    true
                }
                Turn::Drains => {
                    self.drain();
                    false
                }
                Turn::SomeEnd => {
                    self.end_those(|viewer| viewer.ends.by(Instant::now()));
                    false
                }
            };
            if wrote {
                silence.as_mut().reset(Instant::now() + keep_alive);
            }
        }
    }

    /// Seats those who have everything that the room has; the others go and read what they miss.
    fn welcome(&mut self, arrivals: Vec<Arrival>) {
        for Arrival { mut viewer, doubts } in arrivals {
            if viewer.cursor < self.heard || doubts != self.door.doubts() {
                self.send_out(viewer, Unsent::default());
                continue;
            }
            if self.viewers.is_empty() {
                (self.heard, self.reading) = (viewer.cursor, None);
            }
            if self.draining {
                viewer.ends.drain(self.delivery.0.drain_spread);
            }
            self.next_end = self.next_end.into_iter().chain(viewer.ends.at()).min();
            self.viewers.push(viewer);
        }
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
        if doubt || frames.last().is_some_and(|last| last.terminal) {
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
        let Some(frames) = page else {
            self.end_those(|_| Some(StreamEnd::Failed));
            return false;
        };
        if frames.is_empty() {
            // Who has read for itself may know of a retry that this reading came too early for.
            self.end_those(|viewer| viewer.over.then_some(StreamEnd::Over));
            return false;
        }
        chunk::portions(&frames).for_each(|portion| self.write_frames(portion));
        self.read_on();
        true
    }

    /// Writes to each viewer what it does not have of these frames.
    fn write_frames(&mut self, frames: &[Frame]) {
        let Some(last) = frames.last() else { return };
        let (heard, mut written) = (std::mem::replace(&mut self.heard, last.seq), 0);
        if self.viewers.is_empty() {
            return;
        }
        let all = Chunk::of(frames.iter().map(|frame| &frame.bytes));
        let mut place = 0;
        while let Some(viewer) = self.viewers.get_mut(place) {
            if viewer.cursor >= last.seq {
                place += 1;
                continue;
            }
            let part = match missed_by(viewer.cursor, heard, frames) {
                Some(missed) if missed.len() == frames.len() => None,
                Some(missed) => Some(Chunk::of(missed.iter().map(|frame| &frame.bytes))),
                None => {
                    let viewer = self.viewers.take_out(place);
                    self.send_out(viewer, Unsent::default());
                    continue;
                }
            };
            (viewer.cursor, viewer.over) = (last.seq, last.terminal);
            written += 1;
            self.write_to(&mut place, part.as_ref().unwrap_or(&all));
        }
        frames.iter().filter_map(|frame| frame.lag).for_each(|lag| meter::delivered(lag, written));
    }

    fn keep_alive(&mut self) {
        let (chunk, mut place) = (Chunk::of([KEEP_ALIVE].iter()), 0);
        while self.viewers.get(place).is_some() {
            self.write_to(&mut place, &chunk);
        }
    }

    /// Writes to the viewer at this place, and goes on to the next. One that cannot take it at once leaves.
    fn write_to(&mut self, place: &mut usize, chunk: &Chunk) {
        let Some(viewer) = self.viewers.get(*place) else { return };
        match viewer.write_now(chunk) {
            Wrote::All => *place += 1,
            Wrote::Part(rest) => {
                let viewer = self.viewers.take_out(*place);
                self.send_out(viewer, Unsent::from(rest));
            }
            Wrote::Nothing => drop(self.viewers.take_out(*place)),
        }
    }

    fn send_out(&self, viewer: Viewer, unsent: Unsent) {
        let catch_up = CatchUp::new(viewer, unsent, self.delivery.clone(), self.connections.clone());
        self.connections.spawn(catch_up.run());
    }

    fn drain(&mut self) {
        self.draining = true;
        let spread = self.delivery.0.drain_spread;
        self.viewers.iter_mut().for_each(|viewer| viewer.ends.drain(spread));
        self.note_next_end();
    }

    /// Ends the streams for which there is a reason.
    fn end_those(&mut self, why: impl Fn(&Viewer) -> Option<StreamEnd>) {
        let mut place = 0;
        while let Some(viewer) = self.viewers.get(place) {
            match why(viewer) {
                Some(end) => {
                    let viewer = self.viewers.take_out(place);
                    self.connections.spawn(viewer.end(Unsent::default(), end, self.connections.stall_limit));
                }
                None => place += 1,
            }
        }
        self.note_next_end();
    }

    /// Hears what was published before the room runs.
    #[cfg(test)]
    pub(super) fn hear_all(&mut self) {
        while let Some(heard) = self.live.try_hear() {
            self.take(heard);
        }
    }

    fn note_next_end(&mut self) {
        self.next_end = self.viewers.iter().filter_map(|viewer| viewer.ends.at()).min();
    }
}

/// What a viewer at `cursor` misses of frames that follow `heard`; nothing if they cannot tell, because the first of it is
/// in a frame of several deltas of which the viewer has some.
fn missed_by(cursor: Seq, heard: Seq, frames: &[Frame]) -> Option<&[Frame]> {
    let had = frames.partition_point(|frame| frame.seq <= cursor);
    let reached = had.checked_sub(1).map_or(heard, |last| frames[last].seq);
    (reached == cursor).then(|| &frames[had..])
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frames(seqs: &[Seq]) -> Vec<Frame> {
        let frame = |seq: &Seq| Frame { seq: *seq, bytes: Bytes::new(), terminal: false, lag: None };
        seqs.iter().map(frame).collect()
    }

    #[test]
    fn a_viewer_is_sent_what_follows_its_cursor_if_frames_can_tell() {
        let live = frames(&[11, 12, 13]);
        let missed = |cursor, frames| missed_by(cursor, 10, frames).map(|missed| missed.len());
        assert_eq!([10, 11, 12].map(|cursor| missed(cursor, &live)), [Some(3), Some(2), Some(1)]);
        // Deltas 11 to 13 in one frame, and 14.
        let joined = frames(&[13, 14]);
        assert_eq!([10, 11, 12, 13].map(|cursor| missed(cursor, &joined)), [Some(2), None, None, Some(1)]);
    }
}
