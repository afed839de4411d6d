//! The job's event log, as far as readers can tell: which seqs are committed, and after which the job was over.
//! Must not know who reads it.

use crate::guards::At;

/// What is committed next, as far as readers can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Write {
    /// Any event that does not end the job.
    Go,
    /// A terminal event.
    End,
    /// A user's retry of a job that is over.
    Retry,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Log {
    /// The highest seq that was handed out: more than the last committed one only without the row lock.
    pub taken: u8,
    /// Bit `seq - 1` is set when that event is committed.
    committed: u8,
    /// Bit `seq - 1` is set when that event is terminal.
    terminal: u8,
    /// A transaction whose client lost its connection. It holds the row lock until the database commits it or not.
    pub in_flight: Option<(At, Write)>,
}

impl Log {
    pub const EMPTY: Log = Log { taken: 0, committed: 0, terminal: 0, in_flight: None };

    /// The seq of the last committed event; 0 if there is none.
    pub fn last(&self) -> u8 {
        8 - self.committed.leading_zeros() as u8
    }

    /// The first committed event after the cursor.
    pub fn after(&self, cursor: u8) -> Option<u8> {
        (cursor + 1..=self.last()).find(|seq| self.is_committed(*seq))
    }

    pub fn is_committed(&self, seq: u8) -> bool {
        self.committed & bit(seq) != 0
    }

    /// Whether the job was over with this event.
    pub fn is_terminal(&self, seq: u8) -> bool {
        seq > 0 && self.terminal & bit(seq) != 0
    }

    /// Whether the rules allow the write now.
    pub fn allows(&self, write: Write) -> bool {
        self.is_terminal(self.last()) == (write == Write::Retry)
    }

    /// Takes the next seq.
    pub fn take(&mut self) -> u8 {
        self.taken += 1;
        self.taken
    }

    pub fn commit(&mut self, seq: u8, write: Write) {
        self.committed |= bit(seq);
        if write == Write::End {
            self.terminal |= bit(seq);
        }
    }
}

fn bit(seq: u8) -> u8 {
    1 << (seq - 1)
}
