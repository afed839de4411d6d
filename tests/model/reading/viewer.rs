//! A viewer: the loop of `event_log/follow.rs`, one step at a time, with the cursor that it comes back with.
//! Must not see anything but the log and its own channel.

use super::hub::{Heard, Unheard};
use super::log::Log;
use crate::guards::{At, Guards, Promise};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Viewer {
    pub at: At,
    pub phase: Phase,
    /// The last event that it received. It received all before it, or a promise was broken.
    pub cursor: u8,
    pub unheard: Unheard,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// Not connected, with the cursor kept.
    Away,
    /// Reads the store, and has not subscribed: where that comes second.
    ReadsFirst,
    /// Has read all there was, and subscribes now: where that comes second.
    SubscribesLate,
    Replays,
    Follows,
    /// The server has ended the stream.
    Ended,
}

impl Viewer {
    /// Nobody yet; an instance that nobody is connected to is of no consequence and always the same.
    pub const NEW: Viewer = Viewer { at: At::A, phase: Phase::Away, cursor: 0, unheard: Unheard::NOTHING };

    pub fn is_connected(&self) -> bool {
        !matches!(self.phase, Phase::Away | Phase::Ended)
    }

    pub fn is_subscribed(&self) -> bool {
        matches!(self.phase, Phase::Replays | Phase::Follows)
    }

    /// Whether it has all there is and waits for more.
    pub fn is_served(&self, log: &Log) -> bool {
        !self.is_connected() || (self.phase == Phase::Follows && self.cursor == log.last())
    }

    pub fn connect(&mut self, at: At, guards: Guards) {
        let phase = if guards.subscribe_then_read { Phase::Replays } else { Phase::ReadsFirst };
        (self.at, self.phase) = (at, phase);
    }

    pub fn leave(&mut self, phase: Phase) {
        *self = Viewer { phase, cursor: self.cursor, ..Viewer::NEW };
    }

    /// Reads one event after the cursor, or finds that there is none.
    pub fn read(&mut self, log: &Log, guards: Guards) -> Option<Promise> {
        match log.after(self.cursor) {
            Some(seq) => self.receive(seq, log, guards),
            None if log.is_terminal(self.cursor) => self.end(log),
            None => {
                self.phase = if self.phase == Phase::ReadsFirst { Phase::SubscribesLate } else { Phase::Follows };
                None
            }
        }
    }

    /// Hears one signal, while it follows.
    pub fn hear(&mut self, log: &Log, guards: Guards) -> Option<Promise> {
        match self.unheard.hear()? {
            Heard::Lag if !guards.read_on_lag => None,
            Heard::Frame(seq) if seq <= self.cursor && guards.drop_what_was_seen => None,
            Heard::Frame(seq) if seq == self.cursor + 1 || seq <= self.cursor || !guards.read_on_gap => {
                let broken = self.receive(seq, log, guards);
                if log.is_terminal(seq) && self.is_connected() {
                    self.phase = Phase::Replays;
                }
                broken
            }
            Heard::Lag | Heard::Doubt | Heard::Frame(_) => {
                self.phase = Phase::Replays;
                None
            }
        }
    }

    pub fn receive(&mut self, seq: u8, log: &Log, guards: Guards) -> Option<Promise> {
        let broken = if !log.is_committed(seq) {
            Some(Promise::DurableThenVisible)
        } else if seq != self.cursor + 1 {
            Some(Promise::ExactlyOnceInOrder)
        } else {
            None
        };
        self.cursor = seq;
        if log.is_terminal(seq) && !guards.read_after_the_end {
            return broken.or(self.end(log));
        }
        broken
    }

    pub fn end(&mut self, log: &Log) -> Option<Promise> {
        self.leave(Phase::Ended);
        (self.cursor != log.last()).then_some(Promise::NothingAfterTheEnd)
    }
}
