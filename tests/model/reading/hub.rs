//! What a subscriber has been sent and not heard yet: a channel that drops the oldest signal when it is full.
//! Must not know what a signal means to whoever hears it.

/// The most signals that any of the models lets a channel hold.
const LONGEST: usize = 2;

/// A frame with its seq, or [`DOUBT`].
pub type Signal = u8;

/// Something may have been missed.
pub const DOUBT: Signal = 0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Unheard {
    signals: [Option<Signal>; LONGEST],
    /// Whether one was dropped since the last time that something was heard.
    lagged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    Lag,
    Doubt,
    Frame(u8),
}

impl Unheard {
    pub const NOTHING: Unheard = Unheard { signals: [None; LONGEST], lagged: false };

    pub fn send(&mut self, signal: Signal, capacity: usize) {
        let slots = &mut self.signals[..capacity];
        match slots.iter().position(Option::is_none) {
            Some(free) => slots[free] = Some(signal),
            None => {
                slots.rotate_left(1);
                slots[capacity - 1] = Some(signal);
                self.lagged = true;
            }
        }
    }

    pub fn hear(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.lagged) {
            return Some(Heard::Lag);
        }
        let signal = self.signals[0].take()?;
        self.signals.rotate_left(1);
        Some(if signal == DOUBT { Heard::Doubt } else { Heard::Frame(signal) })
    }

    pub fn is_empty(&self) -> bool {
        !self.lagged && self.signals[0].is_none()
    }
}
