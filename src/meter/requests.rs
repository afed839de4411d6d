//! Counts requests by the template of their route, never by their path.
//! Must not see a header or a query.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::Counter;

use super::{names, recorder};

struct Counts {
    polls: [Counter; 2],
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    recorder();
    Counts { polls: ["plain", "wait"].map(|kind| metrics::counter!(names::STATUS_POLLS, "kind" => kind)) }
});

pub(super) fn register() {
    LazyLock::force(&COUNTS);
}

/// How a client asks for a job's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// To be answered at once.
    Plain,
    /// With `wait`: to be answered when there is news.
    Wait,
}

/// Counts a request for a job's status.
pub fn polled(poll: Poll) {
    COUNTS.polls[poll as usize].increment(1);
}

/// Counts a request whose answer's head is there. `route` is a template of the router, or a word of our own.
pub fn request_answered(route: &str, method: &str, status: u16, took: Duration) {
    let method = known_method(method);
    let class = class(status);
    metrics::counter!(names::HTTP_REQUESTS, "route" => route.to_owned(), "method" => method, "status" => class)
        .increment(1);
    metrics::histogram!(names::HTTP_DURATION, "route" => route.to_owned(), "method" => method).record(took);
}

/// A client may make methods up.
fn known_method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
