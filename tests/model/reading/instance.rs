//! One process: its writer between commit and publish, its watched channel, and its part in the notifications.
//! Must not decide what its viewers do with what they are sent.

use super::log::Write;
use super::memory::Memory;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instance {
    pub writer: Writer,
    /// It has published something and not told the others yet.
    pub owes_notification: bool,
    /// A notification of the other instance is on its way here.
    pub is_notified: bool,
    /// Its listener is connected; otherwise notifications pass it by.
    pub listens: bool,
    pub relay: Relay,
    /// The job's channel, as long as anybody here watches: the highest seq that was published in it, or that was
    /// there before it.
    pub watermark: Option<u8>,
    /// What the channel keeps.
    pub memory: Memory,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Writer {
    Idle,
    /// It has taken a seq and not committed: where that is two steps.
    Took(u8, Write),
    /// It has committed this event and not published it.
    Committed(u8),
    /// The answer to its commit was lost; it will commit again.
    InDoubt(Write, Fate),
}

/// What became of a commit whose answer was lost, which the writer does not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fate {
    /// Nothing, so far.
    Open,
    /// It is durable, and the job's row names its batch.
    Durable,
    /// It is durable, and another batch has changed the job since.
    Overtaken,
}

/// Reads what the other instance has committed and publishes it here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Relay {
    Asleep,
    Awake,
    /// It has read this event and not published it.
    Holds(u8),
}

impl Instance {
    pub const NEW: Instance = Instance {
        writer: Writer::Idle,
        owes_notification: false,
        is_notified: false,
        listens: true,
        relay: Relay::Asleep,
        watermark: None,
        memory: Memory::NEW,
    };
}
