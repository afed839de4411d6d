//! How long to wait before the next attempt.
//! Must not wait itself.

use std::time::Duration;

use rand::RngExt;

/// The longest delay that an upstream did not ask for.
const LONGEST: Duration = Duration::from_secs(60);

/// The delay after `failures` failed attempts (from 1): exponential from `first`, with jitter over its upper half so
/// that jobs that failed together do not come back together; never shorter than what the upstream asked for.
pub(super) fn delay(first: Duration, failures: u32, asked_for: Option<Duration>) -> Duration {
    let full = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let jittered = full.mul_f64(rand::rng().random_range(0.5..=1.0));
    asked_for.map_or(jittered, |asked_for| asked_for + jittered.min(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);

    #[test]
    fn grows_to_a_bound_and_honours_the_upstream() {
        for failures in 1..40 {
            let delay = delay(FIRST, failures, None);
            assert!(delay >= FIRST / 2 && delay <= LONGEST, "{failures}: {delay:?}");
        }
        assert!(delay(FIRST, 5, None) >= Duration::from_secs(8));
        let asked_for = Duration::from_secs(30);
        let delay = delay(FIRST, 1, Some(asked_for));
        assert!(delay >= asked_for && delay <= asked_for + FIRST, "{delay:?}");
    }
}
