//! The generator's clock: microseconds since the program began, and when each of many things is due by it.
//! Must not be shared with a server: marks are made and read in one process.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Microseconds since the program began.
pub fn now() -> u64 {
    BEGAN.elapsed().as_micros() as u64
}

/// When the `index`th of so many things a second is due, from `begin` on.
pub fn due(begin: u64, index: u64, per_second: f64) -> u64 {
    begin + (index as f64 * 1e6 / per_second) as u64
}

/// Sleeps until then; returns at once when it is over. On a plain thread this is exact to some 60 µs.
pub fn sleep_until(moment: u64) {
    std::thread::sleep(Duration::from_micros(moment.saturating_sub(now())));
}
