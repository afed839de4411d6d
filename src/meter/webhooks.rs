//! Counts the calls to webhooks.
//! Must not know where a call goes.

use std::sync::LazyLock;

use metrics::Counter;

use super::{names, recorder};

static CALLS: LazyLock<[Counter; 4]> = LazyLock::new(|| {
    recorder();
    OUTCOMES.map(|outcome| metrics::counter!(names::WEBHOOKS, "outcome" => outcome))
});

const OUTCOMES: [&str; 4] = ["delivered", "retried", "gone", "given_up"];

pub(super) fn register() {
    LazyLock::force(&CALLS);
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookCall {
    /// The receiver confirmed it.
    Delivered,
    /// It failed, and is made again.
    Retried,
    /// The receiver wants no more (410).
    Gone,
    /// It failed for the last time.
    GivenUp,
}

impl WebhookCall {
    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        OUTCOMES[self as usize]
    }
}

/// Counts a call whose answer is there, or will not come.
pub fn webhook_called(call: WebhookCall) {
    CALLS[call as usize].increment(1);
}
