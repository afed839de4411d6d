//! Shows how many jobs wait and run, and how long the oldest has waited, as the database said last.
//! Must not read the database.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Counter, Gauge};

use super::{names, recorder};

struct Counts {
    pending: Gauge,
    processing: Gauge,
    age: Gauge,
    unread: Counter,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    Counts {
        pending: metrics::gauge!(names::QUEUE_JOBS, "status" => "pending"),
        processing: metrics::gauge!(names::QUEUE_JOBS, "status" => "processing"),
        age: metrics::gauge!(names::QUEUE_AGE),
        unread: metrics::counter!(names::QUEUE_READ_FAILURES),
    }
});

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

/// The queue as it is now. `waiting` is for how long the oldest job that is due has been so.
pub fn queue_read(pending: u64, processing: u64, waiting: Duration) {
    COUNTS.pending.set(pending as f64);
    COUNTS.processing.set(processing as f64);
    COUNTS.age.set(waiting.as_secs_f64());
}

/// The queue could not be read; what was read last stays.
pub fn queue_unread() {
    COUNTS.unread.increment(1);
}
