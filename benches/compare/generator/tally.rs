//! What one reader has of its channel, to the exact event: what came, came twice, came late, or never came.
//! Must not forgive anything: an event that is not the next one is counted.

use std::collections::BTreeSet;

/// The numbers that a reader has seen, from the first that it is to see.
pub struct Tally {
    next: u32,
    /// Numbers below `next` that have not come.
    missing: BTreeSet<u32>,
}

/// What an event was to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one.
    Next,
    /// A later one than the next: those in between are missing, for now.
    AfterGap,
    /// One that was missing.
    OutOfOrder,
    /// One that was there already.
    Again,
}

/// What went wrong at all readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Events that never came.
    pub lost: u64,
    /// Events that came more than once, counted each time after the first.
    pub doubled: u64,
    /// Events that came after a later one.
    pub reordered: u64,
    /// Streams that ended, were refused or could not be read.
    pub broken: u64,
}

impl Tally {
    /// A reader that is to see events from this number on.
    pub fn from(first: u32) -> Tally {
        Tally { next: first, missing: BTreeSet::new() }
    }

    /// Notes an event.
    pub fn saw(&mut self, number: u32) -> Arrival {
        if number == self.next {
            self.next += 1;
            return Arrival::Next;
        }
        if number > self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
            return Arrival::AfterGap;
        }
        match self.missing.remove(&number) {
            true => Arrival::OutOfOrder,
            false => Arrival::Again,
        }
    }

    /// How many of the events below `end` have not come.
    pub fn lost(&self, end: u32) -> u64 {
        self.missing.len() as u64 + u64::from(end.saturating_sub(self.next))
    }
}

impl Faults {
    /// Whether nothing went wrong.
    pub fn none(&self) -> bool {
        *self == Faults::default()
    }
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Faults) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.broken += other.broken;
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} events lost, {} doubled, {} out of order, {} streams broken",
            self.lost, self.doubled, self.reordered, self.broken
        )
    }
}
