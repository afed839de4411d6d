//! The two bounds on every wait for an upstream: how long it may be silent, and how long the call may take.
//! It does not know what is being waited for.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::{Retry, TRY_LATER, UpstreamError};

/// Counts from the start of one call.
pub(super) struct Deadline {
    pub(super) upstream: &'static str,
    /// The upstream's name in a sentence.
    pub(super) speaker: &'static str,
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
        let now = Instant::now();
        if now >= self.end {
            // An upstream that always has more to say would never be waited for.
            return Err(self.too_slow());
        }
        let silent_until = now + self.idle;
        timeout_at(silent_until.min(self.end), next)
            .await
            .map_err(|_| if self.end < silent_until { self.too_slow() } else { self.silent() })
    }

    fn too_slow(&self) -> UpstreamError {
        self.timeout(format!("{} took longer than {} seconds; {TRY_LATER}", self.speaker, self.total.as_secs_f64()))
    }

    fn silent(&self) -> UpstreamError {
        self.timeout(format!("{} sent nothing for {} seconds; {TRY_LATER}", self.speaker, self.idle.as_secs_f64()))
    }

    fn timeout(&self, words: String) -> UpstreamError {
        UpstreamError::new(self.upstream, "upstream_timeout", words, Retry::Backoff)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn the_error_says_which_bound_was_reached() {
        let silent = Deadline::start("gtm", "It", SHORT, LONG).wait(pending::<()>()).await.unwrap_err();
        assert_eq!(silent.message, "It sent nothing for 0.001 seconds; a later try may succeed");
        let slow = Deadline::start("gtm", "It", LONG, SHORT).wait(pending::<()>()).await.unwrap_err();
        assert_eq!(slow.message, "It took longer than 0.001 seconds; a later try may succeed");
    }

    #[tokio::test]
    async fn the_end_comes_also_for_one_who_never_pauses() {
        assert_eq!(Deadline::start("gtm", "It", LONG, LONG).wait(ready(7)).await, Ok(7));
        assert!(Deadline::start("gtm", "It", LONG, Duration::ZERO).wait(ready(7)).await.is_err());
    }
}
