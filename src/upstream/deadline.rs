//! The two bounds on every wait for an upstream: how long it may be silent, and how long the call may take.
//! It does not know what is being waited for.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::{Retry, UpstreamError};

/// Counts from the start of one call.
pub(super) struct Deadline {
    upstream: &'static str,
    /// The upstream's name in a sentence.
    speaker: &'static str,
    idle: Duration,
    total: Duration,
    end: Instant,
}

impl Deadline {
    pub(super) fn start(upstream: &'static str, speaker: &'static str, idle: Duration, total: Duration) -> Self {
        Self { upstream, speaker, idle, total, end: Instant::now() + total }
    }

    /// Waits for the upstream's next sign of life; `upstream_timeout` when it does not come in time.
    pub(super) async fn wait<F: Future>(&self, next: F) -> Result<F::Output, UpstreamError> {
        let silent_until = Instant::now() + self.idle;
        timeout_at(silent_until.min(self.end), next).await.map_err(|_| {
            let words = if self.end < silent_until {
                format!("{} took longer than {} seconds", self.speaker, seconds(self.total))
            } else {
                format!("{} sent nothing for {} seconds", self.speaker, seconds(self.idle))
            };
            UpstreamError::new(self.upstream, "upstream_timeout", words, Retry::Backoff)
        })
    }
}

/// Whole seconds where they are whole: `60`, `0.05`.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
