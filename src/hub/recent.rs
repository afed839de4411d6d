//! The last frames of one subject without a gap, as they were published or read from the store, for whoever comes later.
//! Must not know what lies before or after them, and must not read it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Frame;
use crate::event::{Seq, is_delta, merge_deltas};

/// No frame is kept for longer, so that memory shows at most for this long what retention has removed from the store.
/// Deltas are kept there for as long after their job's end.
const KEPT: Duration = Duration::from_secs(300);

/// What a frame takes besides its bytes.
const OVERHEAD: usize = size_of::<Kept>();

/// Deltas are joined in blocks that begin at multiples of these, so that a block is rendered once for all cursors: in
/// the larger ones from the beginning of a run of deltas on, in the smaller ones behind a cursor within a run.
const BLOCK: Seq = 64;
const SMALL_BLOCK: Seq = 8;

/// Frames of one subject.
#[derive(Debug)]
pub struct Recent {
    /// All that lies after this position, up to `through`, is here.
    after: Seq,
    through: Seq,
    /// Whether the subject was over with the last of them.
    over: bool,
    frames: VecDeque<Kept>,
    /// What they take, in bytes.
    size: usize,
}

#[derive(Debug)]
struct Kept {
    seq: Seq,
    bytes: Bytes,
    terminal: bool,
    delta: bool,
    since: Instant,
    joined: Option<Box<Joined>>,
}

/// What was made of the deltas from a frame on.
#[derive(Debug)]
struct Joined {
    /// How many deltas were there to be joined.
    of: usize,
    /// How many of them belong together.
    count: usize,
    seq: Seq,
    bytes: Bytes,
}

impl Recent {
    /// Those that were found after a position, all that there are up to the last of them.
    pub fn found(after: Seq, frames: &[Frame]) -> Recent {
        let mut recent = Recent { after, through: after, over: false, frames: VecDeque::new(), size: 0 };
        recent.frames.reserve_exact(frames.len());
        let now = Instant::now();
        frames.iter().for_each(|frame| recent.push(frame, now));
        recent
    }

    /// Its frames begin after this position.
    pub fn after(&self) -> Seq {
        self.after
    }

    /// Its frames end with this position.
    pub fn through(&self) -> Seq {
        self.through
    }

    /// Whether the subject was over with the last of them.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether none is here.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// What they take, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether this position lies among them or right before them.
    pub fn spans(&self, position: Seq) -> bool {
        (self.after..=self.through).contains(&position)
    }

    /// About how many more there would be room for within these bounds.
    pub fn room(&self, frames: usize, bytes: usize) -> usize {
        let of_one = self.size / self.frames.len().max(1);
        let by_bytes = bytes.saturating_sub(self.size).checked_div(of_one).unwrap_or(frames);
        frames.saturating_sub(self.frames.len()).min(by_bytes)
    }

    /// Takes the next one.
    pub fn push(&mut self, frame: &Frame, now: Instant) {
        let kept = Kept::new(frame, now);
        self.size += kept.size();
        (self.through, self.over) = (frame.seq, frame.terminal);
        self.frames.push_back(kept);
    }

    /// Takes what another has before and after its own; the two touch or overlap.
    pub fn take(&mut self, other: Recent) {
        debug_assert!(other.after <= self.through && self.after <= other.through, "{self:?} {other:?}");
        let (before, behind) = (self.after, self.through);
        if other.through > behind {
            (self.through, self.over) = (other.through, other.over);
        }
        self.after = before.min(other.after);
        let (older, newer): (Vec<_>, Vec<_>) = other
            .frames
            .into_iter()
            .filter(|kept| kept.seq <= before || kept.seq > behind)
            .partition(|kept| kept.seq <= before);
        self.size += older.iter().chain(&newer).map(Kept::size).sum::<usize>();
        older.into_iter().rev().for_each(|kept| self.frames.push_front(kept));
        self.frames.extend(newer);
    }

    /// Lets the oldest go until so many remain, of so many bytes, and none that has been kept for too long. Answers
    /// whether there was not enough room for all.
    pub fn trim(&mut self, frames: usize, bytes: usize, now: Instant) -> bool {
        let mut short_of_room = false;
        while let Some(oldest) = self.frames.front() {
            let too_much = self.frames.len() > frames || self.size > bytes;
            if !too_much && now.duration_since(oldest.since) <= KEPT {
                break;
            }
            short_of_room |= too_much;
            (self.after, self.size) = (oldest.seq, self.size - oldest.size());
            self.frames.pop_front();
        }
        if self.frames.capacity() > 32 && self.frames.len() < self.frames.capacity() / 4 {
            self.frames.shrink_to(self.frames.len() * 2);
        }
        short_of_room
    }

    /// Up to `limit` frames after a cursor that lies among them, neighbouring deltas joined.
    pub fn frames_after(&mut self, cursor: Seq, limit: usize) -> Vec<Frame> {
        let mut place = self.frames.partition_point(|kept| kept.seq <= cursor);
        let mut frames = Vec::with_capacity((self.frames.len() - place).min(limit));
        while place < self.frames.len() && frames.len() < limit {
            let (count, frame) = self.next_piece(place);
            frames.push(frame);
            place += count;
        }
        frames
    }

    /// The frame at this place or what it and its neighbours are joined into, and how many these are.
    fn next_piece(&mut self, place: usize) -> (usize, Frame) {
        let of = self.joinable(place);
        let kept = &self.frames[place];
        if of == 1 {
            return (1, kept.frame());
        }
        if let Some(joined) = kept.joined.as_ref().filter(|joined| joined.of == of) {
            return (joined.count, joined.frame());
        }
        let deltas: Vec<Bytes> = self.frames.range(place..place + of).map(|kept| kept.bytes.clone()).collect();
        let (count, bytes) = merge_deltas(&deltas);
        let joined = Joined { of, count, seq: self.frames[place + count - 1].seq, bytes };
        let frame = joined.frame();
        let kept = &mut self.frames[place];
        self.size -= kept.size();
        kept.joined = Some(Box::new(joined));
        self.size += kept.size();
        (count, frame)
    }

    /// How many frames from this place on are deltas of one block.
    fn joinable(&self, place: usize) -> usize {
        let first = &self.frames[place];
        let before = first.seq - 1;
        let begins_run = place.checked_sub(1).is_some_and(|previous| !self.frames[previous].delta);
        let block = match before {
            _ if !first.delta => return 1,
            _ if begins_run || before % BLOCK == 0 => BLOCK,
            _ if before % SMALL_BLOCK == 0 => SMALL_BLOCK,
            _ => return 1,
        };
        let last = (before / block + 1) * block;
        let more = self.frames.range(place + 1..).take_while(|kept| kept.delta && kept.seq <= last);
        1 + more.count()
    }
}

impl Kept {
    fn new(frame: &Frame, since: Instant) -> Kept {
        let Frame { seq, bytes, terminal, lag: _ } = frame.clone();
        Kept { seq, delta: is_delta(&bytes), bytes, terminal, since, joined: None }
    }

    fn frame(&self) -> Frame {
        Frame { seq: self.seq, bytes: self.bytes.clone(), terminal: self.terminal, lag: None }
    }

    fn size(&self) -> usize {
        let joined = self.joined.as_ref().map_or(0, |joined| size_of::<Joined>() + joined.bytes.len());
        OVERHEAD + self.bytes.len() + joined
    }
}

impl Joined {
    fn frame(&self) -> Frame {
        Frame { seq: self.seq, bytes: self.bytes.clone(), terminal: false, lag: None }
    }
}

#[cfg(test)]
mod tests;
