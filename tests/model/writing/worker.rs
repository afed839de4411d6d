//! One attempt in its process: it looks for a stored output, pays if there is none, stores, goes on, completes.
//! Must not write by itself: it says what it would write next, and hears how that went.

use super::store::{Report, Write};
use crate::guards::At;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Worker {
    pub on: At,
    pub stage: Stage,
    /// Whether the step was finished before this attempt began.
    pub must_not_pay: bool,
}

/// Where the attempt is, named by what was done last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    Begun,
    /// It looked for an output, and there was none.
    FoundNone,
    Paid,
    PaidInVain,
    /// The step is behind it, by its own work or an earlier attempt's.
    WentOn,
    Progressed,
}

impl Worker {
    /// What it writes next, if it is at a point where it writes.
    pub fn next_write(&self, attempt: u8) -> Option<Write> {
        let report = match self.stage {
            Stage::Begun | Stage::FoundNone => return None,
            Stage::Paid => Report::StepOutput,
            Stage::PaidInVain => Report::Retry,
            Stage::WentOn => Report::Progress,
            Stage::Progressed => Report::Complete,
        };
        Some(Write::Attempt(attempt, report))
    }

    /// The worker after its write is done; none if that was its last.
    pub fn after_write(mut self) -> Option<Worker> {
        self.stage = match self.stage {
            Stage::Paid => Stage::WentOn,
            Stage::WentOn => Stage::Progressed,
            _ => return None,
        };
        Some(self)
    }
}
