//! Counts what other instances committed and viewers here were shown, and whether the others are heard.
//! Must not show the latter where no other instance can be.

use std::sync::LazyLock;

use metrics::Counter;

use super::{names, recorder};

/// By how they were found.
static RELAYED: LazyLock<[Counter; 2]> = LazyLock::new(|| {
    recorder();
    ["notice", "poll"].map(|learnt_by| metrics::counter!(names::RELAYED_EVENTS, "learnt_by" => learnt_by))
});

pub(super) fn register() {
    LazyLock::force(&RELAYED);
}

/// How events of other instances were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearntBy {
    /// They were announced.
    Notice,
    /// What is watched was looked at.
    Poll,
}

/// Counts events that other instances committed.
pub fn relayed(learnt_by: LearntBy, events: usize) {
    RELAYED[learnt_by as usize].increment(events as u64);
}

/// Notes whether the commits of other instances are heard.
pub fn hears_others(hears: bool) {
    recorder();
    metrics::gauge!(names::HEARS_OTHERS).set(if hears { 1.0 } else { 0.0 });
}
