//! Counts event streams: open, opened, refused and ended.
//! Must not hold anything of a stream.

use std::sync::LazyLock;

use metrics::{Counter, Gauge};

use super::{names, recorder};
use crate::event::Subject;

struct Counts {
    /// By kind.
    open: [Gauge; 2],
    opened: [Counter; 2],
    /// By kind, then by reason.
    refused: [[Counter; 3]; 2],
    ended: [[Counter; 5]; 2],
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    Counts {
        open: KINDS.map(|kind| metrics::gauge!(names::STREAMS_OPEN, "kind" => kind)),
        opened: KINDS.map(|kind| metrics::counter!(names::STREAMS_OPENED, "kind" => kind)),
        refused: KINDS.map(|kind| {
            REFUSALS.map(|limit| metrics::counter!(names::STREAMS_REFUSED, "kind" => kind, "limit" => limit))
        }),
        ended: KINDS
            .map(|kind| ENDS.map(|reason| metrics::counter!(names::STREAMS_ENDED, "kind" => kind, "reason" => reason))),
    }
});

const KINDS: [&str; 2] = ["job", "brand"];
const REFUSALS: [&str; 3] = ["all", "address", "token"];
const ENDS: [&str; 5] = ["over", "drained", "expired", "failed", "left"];

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

/// Whose events a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Those of one job.
    Job,
    /// Those of all jobs of a brand.
    Brand,
}

impl From<Subject> for StreamKind {
    fn from(subject: Subject) -> StreamKind {
        match subject {
            Subject::Job(_) => StreamKind::Job,
            Subject::Brand(_) => StreamKind::Brand,
        }
    }
}

/// The limit that refused a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamRefusal {
    /// That of all streams of this instance.
    All,
    /// That of one client address.
    Address,
    /// That of one token.
    Token,
}

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The job is over.
    Over,
    /// The process drains.
    Drained,
    /// The caller's token has expired.
    Expired,
    /// The database stayed away.
    Failed,
    /// The client went, or its connection was cut.
    Left,
}

/// Counts a stream that was refused.
pub fn stream_refused(kind: StreamKind, limit: StreamRefusal) {
    COUNTS.refused[kind as usize][limit as usize].increment(1);
}

/// Counts a stream as open until it is dropped.
pub struct OpenStream {
    kind: StreamKind,
    end: StreamEnd,
}

impl OpenStream {
    /// One more.
    pub fn open(kind: StreamKind) -> OpenStream {
        COUNTS.opened[kind as usize].increment(1);
        COUNTS.open[kind as usize].increment(1.0);
        OpenStream { kind, end: StreamEnd::Left }
    }

    /// It ends for this reason; without a word its client has left.
    pub fn ends(&mut self, end: StreamEnd) {
        self.end = end;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        COUNTS.open[self.kind as usize].decrement(1.0);
        COUNTS.ended[self.kind as usize][self.end as usize].increment(1);
    }
}
