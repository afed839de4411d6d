//! What an upstream call failed with, and whether another try may help.
//! It does not decide how often or how soon: the job's retry limit and backoff do.

use std::time::Duration;

/// What a message ends with where waiting is all that a person can do.
pub(super) const TRY_LATER: &str = "a later try may succeed";

/// Why a call to an upstream failed.
///
/// The message is written for the person who started the job and may be sent to a browser: it holds no key, no
/// address of ours and no internal cause. Causes are logged where they are found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{upstream}: {message} ({code})")]
pub struct UpstreamError {
    /// Which upstream: `gtm`, `foreplay` or `claude`.
    pub upstream: &'static str,
    /// A stable snake_case name for the failure, such as `upstream_timeout`, `rate_limited`, `invalid_key`, `refused`,
    /// `no_credits` or `stream_ended_early`; for a failure the upstream names itself, its own name in lower case. At
    /// most 64 characters of `a-z`, `0-9` and `_`.
    pub code: String,
    /// What happened, in words a person can act on; at most 600 characters.
    pub message: String,
    /// Whether another try may help.
    pub retry: Retry,
    /// The upstream's own id of the request, for asking its support; the id of Claude's message where its answer began
    /// and no id of the request is known.
    pub request_id: Option<String>,
}

/// Whether another try of a failed call may help, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call would fail the same way.
    Never,
    /// Another try may succeed; the caller chooses the delay.
    Backoff,
    /// Another try may succeed, not sooner than after this time (more than zero, at most 60 s).
    After(Duration),
}

impl UpstreamError {
    pub(super) fn new(
        upstream: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
        retry: Retry,
    ) -> Self {
        Self { upstream, code: code.into(), message: message.into(), retry, request_id: None }
    }
}
