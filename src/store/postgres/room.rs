//! How many more jobs may wait, counted anew a few times a second in place of with every start.
//! Must not let the starts of one process pass the limit: near it the jobs are counted each time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a count is good for. What other instances start meanwhile is not seen.
const GOOD_FOR: Duration = Duration::from_millis(200);

/// The room that was found by the latest count, less what was asked for since.
#[derive(Default)]
pub(super) struct Room {
    latest: Mutex<Option<Counted>>,
}

struct Counted {
    at: Instant,
    room: u64,
}

impl Room {
    /// Takes places, which the caller may then not use. Nothing if the jobs have to be counted.
    pub fn take(&self, places: u64) -> Option<u64> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = latest.as_mut().filter(|counted| counted.at.elapsed() < GOOD_FOR)?;
        counted.room = counted.room.checked_sub(places)?;
        Some(places)
    }

    /// Remembers a count that began at `at`, after which the caller takes places.
    pub fn set(&self, at: Instant, room: u64, places: u64) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Counted { at, room: room.saturating_sub(places) });
    }
}
