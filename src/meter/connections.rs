//! Counts connections: open, refused, and cut because their client had stopped reading.
//! Must not know what is said on them.

use std::sync::LazyLock;

use metrics::{Counter, Gauge};

use super::{names, recorder};

struct Counts {
    open: Gauge,
    refused: Counter,
    stalled: Counter,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    Counts {
        open: metrics::gauge!(names::CONNECTIONS_OPEN),
        refused: metrics::counter!(names::CONNECTIONS_REFUSED),
        stalled: metrics::counter!(names::CONNECTIONS_STALLED),
    }
});

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

/// Counts a connection as open until it is dropped.
pub struct OpenConnection(());

impl OpenConnection {
    /// One more.
    pub fn open() -> OpenConnection {
        COUNTS.open.increment(1.0);
        OpenConnection(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        COUNTS.open.decrement(1.0);
    }
}

/// Counts a connection that was refused because as many are open as may be.
pub fn connection_refused() {
    COUNTS.refused.increment(1);
}

/// Counts a connection that was cut because its client had stopped reading.
pub fn connection_stalled() {
    COUNTS.stalled.increment(1);
}
