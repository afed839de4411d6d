//! Live fan-out: one tokio broadcast channel per watched job (or brand), in a DashMap, beside its last frames.
//! Must not read or write storage; what it carries and keeps is a hint, and losing all of it loses nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use crate::event::{Seq, Subject};
use crate::meter::{self, Lag};

mod recent;

pub use recent::Recent;

/// How many signals a subscriber may be behind before it is sent back to what is kept, or stored.
///
/// A channel reserves its slots when it is made, so this is memory per watched job (about 80 bytes a slot). Who lags finds
/// what it missed among the last frames.
const CAPACITY: usize = 16;

/// A cheap handle to all channels.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    channels: Arc<DashMap<Subject, Arc<Channel>>>,
    memory: Arc<Memory>,
}

/// How many of the last frames are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Of one subject at the most.
    pub frames: usize,
    /// Their bytes at the most, of one subject.
    pub bytes: usize,
    /// About how many bytes of all subjects together.
    pub bytes_of_all: usize,
    /// The bytes that a subject may keep once all together have as many as they may.
    pub bytes_when_full: usize,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { frames: 1024, bytes: 256 * 1024, bytes_of_all: 64 * 1024 * 1024, bytes_when_full: 4 * 1024 }
    }
}

#[derive(Debug, Default)]
struct Memory {
    keep: Keep,
    /// What all subjects keep, in bytes.
    held: AtomicUsize,
}

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Signal>,
    known: Mutex<Known>,
    memory: Arc<Memory>,
}

/// What this process knows of a watched subject.
#[derive(Debug)]
struct Known {
    /// The position that this process is known to have shown; what lies after it may be news from elsewhere.
    reached: Seq,
    /// The last frames, without a gap.
    recent: Option<Recent>,
    /// Whether nothing lies after them, as far as this process can know: somebody read the store to its end while the
    /// channel was there, and all that came since came without a gap or a doubt.
    ends: bool,
    /// The store is known to have an event at this position, even if it has not been heard of here yet.
    stored: Seq,
    /// Some had to go for want of room, so that earlier ones have none.
    full: bool,
    /// How often something was in doubt.
    doubts: u64,
    /// Whether a reader was told that there is nothing more, and waits for what is published.
    followed: bool,
}

/// A committed event, rendered once for all subscribers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The event's position among those of the subject.
    pub seq: Seq,
    /// Its bytes in a `text/event-stream`.
    pub bytes: Bytes,
    /// Whether the subject was over with it.
    pub terminal: bool,
    /// Since when a viewer could have it, if this process has just committed it.
    pub lag: Option<Lag>,
}

#[derive(Debug, Clone)]
enum Signal {
    Committed(Frame),
    Changed,
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard {
    /// This event was committed.
    Frame(Frame),
    /// Something may have been missed: look again.
    Doubt,
}

/// What is known here of what lies after a cursor.
#[derive(Debug)]
pub enum Look {
    /// These frames come next, neighbouring deltas joined.
    Frames(Vec<Frame>),
    /// Nothing, as far as this process can know.
    End {
        /// Whether the subject is over with what lies up to the cursor.
        over: bool,
    },
    /// All that is here lies up to the cursor, and more may be stored.
    Behind,
    /// What is here begins only after a later position.
    Before {
        /// That position.
        after: Seq,
        /// About how many earlier frames could be kept as well.
        room: usize,
    },
    /// Nothing that is here says anything about the cursor.
    Beyond,
}

impl Hub {
    /// A hub that keeps another number of frames.
    pub fn keeping(keep: Keep) -> Hub {
        Hub { channels: Arc::default(), memory: Arc::new(Memory { keep, held: AtomicUsize::new(0) }) }
    }

    /// Hears everything that is published for this subject from now on. The subscriber has what lies up to `cursor`.
    pub fn subscribe(&self, subject: Subject, cursor: Seq) -> Subscription {
        let receiver = match self.channels.entry(subject) {
            Entry::Occupied(channel) => channel.get().sender.subscribe(),
            Entry::Vacant(vacant) => {
                let (sender, receiver) = broadcast::channel(CAPACITY);
                vacant.insert(Arc::new(Channel::new(sender, cursor, self.memory.clone())));
                receiver
            }
        };
        Subscription { subject, receiver: Some(receiver), hub: self.clone() }
    }

    /// Whether anybody watches this subject, so that rendering a frame is worth it.
    pub fn is_watched(&self, subject: Subject) -> bool {
        self.channels.contains_key(&subject)
    }

    /// The position that this process is known to have shown of a subject; nothing if nobody watches it.
    pub fn reached(&self, subject: Subject) -> Option<Seq> {
        Some(self.channel(subject)?.known().reached)
    }

    /// The last position of a watched subject, as far as this process can know; nothing if it does not.
    pub fn end(&self, subject: Subject) -> Option<Seq> {
        let channel = self.channel(subject)?;
        let known = channel.known();
        known.recent.as_ref().map(Recent::through).filter(|through| known.ends && known.stored <= *through)
    }

    /// Hands a committed event to all who watch its subject, and keeps it for those to come.
    pub fn publish(&self, subject: Subject, frame: Frame) {
        let Some(channel) = self.channel(subject) else { return };
        // Kept first: whoever subscribes in between finds it there, and whoever has subscribed before hears it.
        channel.change(|known, _| known.publish(&frame));
        // It fails only while the last subscriber is leaving.
        let _ = channel.sender.send(Signal::Committed(frame));
    }

    /// Tells all who watch the subject to read the store, where it is not known what they missed.
    pub fn publish_doubt(&self, subject: Subject) {
        let Some(channel) = self.channel(subject) else { return };
        let mut known = channel.known();
        (known.ends, known.doubts) = (false, known.doubts + 1);
        drop(known);
        let _ = channel.sender.send(Signal::Changed);
    }

    /// Notes that the store has an event at this position. As long as it has not been heard of here, whoever looks for
    /// what comes next reads the store.
    pub fn is_stored(&self, subject: Subject, seq: Seq) {
        if let Some(channel) = self.channel(subject) {
            let mut known = channel.known();
            known.stored = known.stored.max(seq);
        }
    }

    /// What is known here of what lies after the cursor: at most `limit` frames of it.
    pub fn look(&self, subject: Subject, cursor: Seq, limit: usize) -> Look {
        match self.channel(subject) {
            Some(channel) => channel.change(|known, memory| known.look(cursor, limit, memory)),
            None => Look::Beyond,
        }
    }

    /// To be called before the store is read for the subject, so that what is found there can be kept.
    pub fn begin_reading(&self, subject: Subject) -> Reading {
        let channel = self.channel(subject);
        let doubts = channel.as_ref().map_or(0, |channel| channel.known().doubts);
        Reading { channel, doubts }
    }

    /// All that is watched.
    pub fn watched(&self) -> Vec<Subject> {
        self.channels.iter().map(|channel| *channel.key()).collect()
    }

    /// Lets go of what was kept for too long. Without this only what happens to a subject, or who looks, makes it let go.
    pub fn tidy(&self, now: Instant) {
        let channels: Vec<Arc<Channel>> = self.channels.iter().map(|channel| channel.clone()).collect();
        channels.iter().for_each(|channel| channel.change_at(now, |_, _| ()));
    }

    /// What is kept of all subjects, in bytes.
    pub fn held(&self) -> usize {
        self.memory.held.load(Ordering::Relaxed)
    }

    fn channel(&self, subject: Subject) -> Option<Arc<Channel>> {
        Some(self.channels.get(&subject)?.clone())
    }
}

impl Memory {
    /// How many bytes a subject may keep now.
    fn bytes(&self) -> usize {
        if self.held.load(Ordering::Relaxed) < self.keep.bytes_of_all {
            self.keep.bytes
        } else {
            self.keep.bytes_when_full
        }
    }
}

impl Channel {
    fn new(sender: broadcast::Sender<Signal>, cursor: Seq, memory: Arc<Memory>) -> Channel {
        let known =
            Known { reached: cursor, recent: None, ends: false, stored: 0, full: false, doubts: 0, followed: false };
        Channel { sender, known: Mutex::new(known), memory }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, within the bounds of what may be kept.
    fn change<T>(&self, change: impl FnOnce(&mut Known, &Memory) -> T) -> T {
        self.change_at(Instant::now(), change)
    }

    fn change_at<T>(&self, now: Instant, change: impl FnOnce(&mut Known, &Memory) -> T) -> T {
        let mut known = self.known();
        let before = known.size();
        known.trim(&self.memory, now);
        let changed = change(&mut known, &self.memory);
        known.trim(&self.memory, now);
        let after = known.size();
        if after > before {
            self.memory.held.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.memory.held.fetch_sub(before - after, Ordering::Relaxed);
        }
        changed
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let size = self.known().size();
        self.memory.held.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Known {
    fn size(&self) -> usize {
        self.recent.as_ref().map_or(0, Recent::size)
    }

    fn trim(&mut self, memory: &Memory, now: Instant) {
        if let Some(recent) = &mut self.recent {
            self.full |= recent.trim(memory.keep.frames, memory.bytes(), now);
        }
    }

    fn publish(&mut self, frame: &Frame) {
        self.reached = self.reached.max(frame.seq);
        match &mut self.recent {
            Some(recent) if frame.seq <= recent.through() => {}
            Some(recent) if frame.seq == recent.through() + 1 => recent.push(frame, Instant::now()),
            Some(_) | None => self.begin_anew(Recent::found(frame.seq - 1, std::slice::from_ref(frame)), false),
        }
    }

    fn look(&mut self, cursor: Seq, limit: usize, memory: &Memory) -> Look {
        let Some(recent) = &mut self.recent else { return Look::Beyond };
        if cursor > recent.through() {
            Look::Beyond
        } else if cursor < recent.after() {
            let room = if self.full { 0 } else { recent.room(memory.keep.frames, memory.bytes()) };
            Look::Before { after: recent.after(), room }
        } else if cursor < recent.through() {
            Look::Frames(recent.frames_after(cursor, limit))
        } else if self.ends && self.stored <= cursor {
            self.followed = true;
            Look::End { over: recent.is_over() }
        } else {
            Look::Behind
        }
    }

    /// Keeps what was found in the store. Answers whether those who follow have not been told of it.
    fn found(&mut self, page: Recent, at_end: bool, doubts: u64) -> bool {
        let through = page.through();
        // That there is nothing after a position does not say that the position exists.
        if page.is_empty() && through > 0 && !self.recent.as_ref().is_some_and(|recent| recent.spans(through)) {
            return false;
        }
        let sure = at_end && doubts == self.doubts;
        match &mut self.recent {
            Some(recent) if page.after() <= recent.through() && recent.after() <= through => {
                recent.take(page);
                self.ends |= sure;
            }
            // There are newer ones already.
            Some(recent) if through < recent.after() => {}
            Some(_) | None => self.begin_anew(page, sure),
        }
        let followed = self.followed;
        self.followed |= at_end;
        // After a doubt everybody looks again anyway.
        let untold = sure && followed && through > self.reached;
        if sure {
            self.reached = self.reached.max(through);
        }
        untold
    }

    fn begin_anew(&mut self, recent: Recent, ends: bool) {
        (self.recent, self.ends, self.full) = (Some(recent), ends, false);
    }
}

/// A reading of the store under way, from before it began.
#[derive(Debug)]
pub struct Reading {
    channel: Option<Arc<Channel>>,
    doubts: u64,
}

impl Reading {
    /// Keeps what lies after `after`: these frames, and if `at_end` nothing else.
    pub fn found(self, after: Seq, frames: &[Frame], at_end: bool) {
        let Some(channel) = self.channel else { return };
        let page = Recent::found(after, frames);
        if channel.change(|known, _| known.found(page, at_end, self.doubts)) {
            // It was committed elsewhere, and now nobody else will tell them.
            let _ = channel.sender.send(Signal::Changed);
        }
    }
}

/// One reader of a subject's channel; the channel goes with its last reader.
#[derive(Debug)]
pub struct Subscription {
    subject: Subject,
    /// Taken only by `drop`.
    receiver: Option<broadcast::Receiver<Signal>>,
    hub: Hub,
}

impl Subscription {
    /// The next thing heard. Lag is a doubt, not an error.
    pub async fn hear(&mut self) -> Heard {
        let Some(receiver) = self.receiver.as_mut() else { return Heard::Doubt };
        match receiver.recv().await {
            Ok(Signal::Committed(frame)) => Heard::Frame(frame),
            Ok(Signal::Changed) | Err(RecvError::Closed) => Heard::Doubt,
            Err(RecvError::Lagged(_)) => {
                meter::lagged();
                Heard::Doubt
            }
        }
    }

    /// The next thing heard, if there is one already.
    pub fn try_hear(&mut self) -> Option<Heard> {
        match self.receiver.as_mut()?.try_recv() {
            Ok(Signal::Committed(frame)) => Some(Heard::Frame(frame)),
            Ok(Signal::Changed) => Some(Heard::Doubt),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            Err(TryRecvError::Lagged(_)) => {
                meter::lagged();
                Some(Heard::Doubt)
            }
        }
    }

    /// What it hears of.
    pub fn subject(&self) -> Subject {
        self.subject
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver.take();
        // Under the shard's lock, so that nobody subscribes between the count and the removal.
        self.hub.channels.remove_if(&self.subject, |_, channel| channel.sender.receiver_count() == 0);
    }
}

#[cfg(test)]
mod tests;
