//! One process: its writer with the batch whose answer it waits for, its sweeper, and whether it is frozen.
//! Must not touch the store.

use super::store::Write;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instance {
    pub frozen: bool,
    /// The attempt whose lease its sweeper has seen expired and is about to reclaim.
    pub reclaiming: Option<u8>,
    /// The batch that its writer will commit again, because the answer was lost.
    pub in_doubt: Option<InDoubt>,
}

/// A commit that lands late is as good as one that landed at once: it holds the row lock until then, and readers are
/// not modelled here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InDoubt {
    pub write: Write,
    /// Whether it is durable, which the instance does not know.
    pub durable: bool,
}

impl Instance {
    pub const NEW: Instance = Instance { frozen: false, reclaiming: None, in_doubt: None };

    /// Whether its writer can take a write or a claim: there is one writer, and it waits for the batch in doubt.
    pub fn can_write(&self) -> bool {
        !self.frozen && self.in_doubt.is_none()
    }
}
