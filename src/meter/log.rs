//! Counts events, commits, and how soon a committed event goes to a socket.
//! Must not cost a viewer more than an observation of a histogram for each frame.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};

use super::{names, recorder};
use crate::event::EventName;

struct Counts {
    /// By name.
    appended: Vec<Counter>,
    commit_writes: Histogram,
    commit_duration: Histogram,
    commit_errors: [Counter; 2],
    commit_detours: Counter,
    commit_to_socket: Histogram,
    /// By where they were.
    replayed: [Counter; 2],
    lagged: Counter,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    let appended = |name: &EventName| metrics::counter!(names::EVENTS_APPENDED, "event" => name.as_str());
    Counts {
        appended: EventName::ALL.iter().map(appended).collect(),
        commit_writes: metrics::histogram!(names::COMMIT_WRITES),
        commit_duration: metrics::histogram!(names::COMMIT_DURATION),
        commit_errors: ["unavailable", "refused"].map(|kind| metrics::counter!(names::COMMIT_ERRORS, "kind" => kind)),
        commit_detours: metrics::counter!(names::COMMIT_DETOURS),
        commit_to_socket: metrics::histogram!(names::COMMIT_TO_SOCKET),
        replayed: ["memory", "database"].map(|from| metrics::counter!(names::REPLAYED_EVENTS, "from" => from)),
        lagged: metrics::counter!(names::LAGGED_READERS),
    }
});

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

pub(super) fn appended(name: EventName) {
    COUNTS.appended[name as usize].increment(1);
}

/// Notes a commit that succeeded.
pub fn commit_took(writes: usize, took: Duration) {
    COUNTS.commit_writes.record(writes as f64);
    COUNTS.commit_duration.record(took);
}

/// Why a commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFailure {
    /// The database did not answer; the commit is tried again.
    Unavailable,
    /// It refused, and would again.
    Refused,
}

/// Counts a try of a commit that failed.
pub fn commit_failed(failure: CommitFailure) {
    COUNTS.commit_errors[failure as usize].increment(1);
}

/// Says how many batches took several statements that one might have written, since the store was opened.
pub fn detours_counted(detours: u64) {
    COUNTS.commit_detours.absolute(detours);
}

/// Where events were that a viewer is sent later than they were published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayedFrom {
    /// Among the last frames of a watched job or brand.
    Memory,
    /// In the database; several viewers may have shared the read.
    Database,
}

/// Counts events that a viewer is sent later than they were published.
pub fn replayed(from: ReplayedFrom, events: usize) {
    COUNTS.replayed[from as usize].increment(events as u64);
}

/// Counts that a viewer was too slow for the live channel.
pub fn lagged() {
    COUNTS.lagged.increment(1);
}

/// When an event was committed here: half the size of an `Instant`, since every slot of every live channel has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag(NonZeroU64);

/// Instants are counted from here, in microseconds.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

fn microseconds() -> u64 {
    u64::try_from(BEGINNING.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Lag {
    /// It begins now.
    pub fn begin() -> Lag {
        // From 1 on, so that an `Option` of it is no larger.
        Lag(NonZeroU64::MIN.saturating_add(microseconds()))
    }

    fn so_far(self) -> Duration {
        Duration::from_micros(microseconds().saturating_add(1).saturating_sub(self.0.get()))
    }
}

/// Notes that a frame has gone to so many sockets.
pub fn delivered(lag: Lag, sockets: usize) {
    COUNTS.commit_to_socket.record_many(lag.so_far(), sockets);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_at_its_own_place() {
        for (place, name) in EventName::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, place);
        }
    }

    #[test]
    fn a_lag_grows_and_takes_eight_bytes() {
        assert_eq!(size_of::<Option<Lag>>(), 8);
        let lag = Lag::begin();
        let before = lag.so_far();
        assert!(before < Duration::from_secs(3600));
        assert!(lag.so_far() >= before);
    }
}
