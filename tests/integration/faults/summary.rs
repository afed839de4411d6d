//! What a run came to, in figures.
//! Must not judge them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::oracle::Case;
use super::story::Story;

/// The figures of a round, or of several.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rounds: usize,
    took: Duration,
    jobs: BTreeMap<String, usize>,
    attempts: i64,
    viewers: usize,
    streams: usize,
    stored: usize,
    seen: usize,
    calls: usize,
    worst_delay: Duration,
}

impl Summary {
    pub fn of(case: &Case<'_>, took: Duration) -> Summary {
        let mut jobs = BTreeMap::new();
        for job in case.evidence.jobs.values() {
            *jobs.entry(job.status.clone()).or_default() += 1;
        }
        Summary {
            rounds: 1,
            took,
            jobs,
            attempts: case.evidence.jobs.values().map(|job| job.attempt).sum(),
            viewers: case.views.len(),
            streams: case.views.iter().map(|view| view.streams).sum(),
            stored: case.evidence.jobs.values().map(|job| job.events.len()).sum(),
            seen: case.views.iter().map(|view| view.received.len()).sum(),
            calls: case.calls.len(),
            worst_delay: case.views.iter().map(|view| view.worst_delay).max().unwrap_or_default(),
        }
    }

    pub fn add(&mut self, other: Summary) {
        self.rounds += other.rounds;
        self.took += other.took;
        for (status, jobs) in other.jobs {
            *self.jobs.entry(status).or_default() += jobs;
        }
        self.attempts += other.attempts;
        self.viewers += other.viewers;
        self.streams += other.streams;
        self.stored += other.stored;
        self.seen += other.seen;
        self.calls += other.calls;
        self.worst_delay = self.worst_delay.max(other.worst_delay);
    }

    /// The figures, with how often what happened.
    pub fn text(&self, story: &Story) -> String {
        let counts: Vec<String> = story.counts().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        format!("{self}\nhappened: {}", counts.join(" · "))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs: Vec<String> = self.jobs.iter().map(|(status, count)| format!("{count} {status}")).collect();
        write!(
            formatter,
            "{} round(s) in {:.0} s: jobs {} in {} attempts with {} upstream calls; {} events stored; {} viewers saw {} \
             over {} streams ({} reconnects); the latest terminal event came after {:.1} s",
            self.rounds,
            self.took.as_secs_f64(),
            jobs.join(", "),
            self.attempts,
            self.calls,
            self.stored,
            self.viewers,
            self.seen,
            self.streams,
            self.streams.saturating_sub(self.viewers),
            self.worst_delay.as_secs_f64(),
        )
    }
}
