//! What an instance keeps of a watched job: `hub.rs` with `hub/recent.rs`, and the one reading that its viewers share.
//! Must not see anything but what was published here, and what the store had when a reading began.

use super::log::Log;
use crate::guards::Guards;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Memory {
    /// The frames without a gap; nothing until something is published or read.
    recent: Option<Recent>,
    /// Whether nothing lies after them, as far as can be known.
    ends: bool,
    /// Whether a viewer was told so.
    followed: bool,
    reading: Option<Reading>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Recent {
    after: u8,
    through: u8,
    /// Bit `seq - 1` is set when that frame is here.
    frames: u8,
}

/// A reading of all after a position, from when it saw the store until it is back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Reading {
    found: Recent,
    doubted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    Frame(u8),
    End,
    Unknown,
}

impl Memory {
    pub const NEW: Memory = Memory { recent: None, ends: false, followed: false, reading: None };

    pub fn look(&self, cursor: u8) -> Look {
        let Some(recent) = self.recent.filter(|recent| (recent.after..=recent.through).contains(&cursor)) else {
            return Look::Unknown;
        };
        match (cursor + 1..=recent.through).find(|seq| recent.frames & bit(*seq) != 0) {
            Some(seq) => Look::Frame(seq),
            None if self.ends => Look::End,
            None => Look::Unknown,
        }
    }

    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// A viewer has everything and waits for what is published.
    pub fn follow(&mut self) {
        self.followed = true;
    }

    pub fn publish(&mut self, seq: u8, guards: Guards) {
        match &mut self.recent {
            Some(recent) if seq <= recent.through => {}
            Some(recent) if seq == recent.through + 1 || !guards.begin_anew_on_gap => {
                (recent.through, recent.frames) = (seq, recent.frames | bit(seq));
            }
            Some(_) | None => {
                self.recent = Some(Recent { after: seq - 1, through: seq, frames: bit(seq) });
                self.ends = false;
            }
        }
    }

    pub fn doubt(&mut self, guards: Guards) {
        self.ends &= !guards.no_end_after_doubt;
        if let Some(reading) = &mut self.reading {
            reading.doubted = guards.no_end_by_a_doubted_reading;
        }
    }

    pub fn begin_reading(&mut self, log: &Log, cursor: u8) {
        let through = log.last().max(cursor);
        let frames = (cursor + 1..=through).filter(|seq| log.is_committed(*seq)).map(bit).sum();
        self.reading = Some(Reading { found: Recent { after: cursor, through, frames }, doubted: false });
    }

    /// Takes what was found; answers up to where, if it is sure that this was all, and whether those who follow have to
    /// be told if it was not published here.
    pub fn finish_reading(&mut self) -> Option<(u8, bool)> {
        let Reading { found, doubted } = self.reading.take()?;
        match &mut self.recent {
            Some(recent) if found.after <= recent.through && recent.after <= found.through => {
                recent.after = recent.after.min(found.after);
                recent.through = recent.through.max(found.through);
                recent.frames |= found.frames;
                self.ends |= !doubted;
            }
            Some(recent) if found.through < recent.after => {}
            Some(_) | None => (self.recent, self.ends) = (Some(found), !doubted),
        }
        let followed = std::mem::replace(&mut self.followed, true);
        (!doubted).then_some((found.through, followed))
    }

    /// Whether there is something to let go.
    pub fn can_forget(&self) -> bool {
        self.recent.is_some_and(|recent| recent.after < recent.through)
    }

    /// Lets the oldest frame go.
    pub fn forget(&mut self) {
        if let Some(recent) = &mut self.recent {
            recent.after += 1;
            recent.frames &= !bit(recent.after);
        }
    }
}

fn bit(seq: u8) -> u8 {
    1 << (seq - 1)
}
