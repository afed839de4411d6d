//! Counts and logs how each call to an upstream ended, once a call.
//! It changes nothing about a call and decides nothing about another try.

use std::pin::pin;

use async_stream::stream;
use futures_util::{Stream, StreamExt as _};

use super::error::{Retry, UpstreamError};

/// The counter of calls, by `upstream` and `outcome`.
const CALLS: &str = "jobcast_upstream_calls_total";

/// A call under way. One that is dropped before it ended counts as cancelled.
struct Call {
    upstream: &'static str,
    ended: bool,
}

/// Makes one call.
pub(super) async fn counted<T>(
    upstream: &'static str,
    work: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let mut call = Call { upstream, ended: false };
    let result = work.await;
    match &result {
        Ok(_) => call.succeeded(),
        Err(error) => call.failed(error),
    }
    result
}

/// Makes one call whose answer is a stream. It ends with an error, or with an item that `is_last` recognises; it begins
/// when it is first polled.
pub(super) fn counted_stream<T, S>(
    upstream: &'static str,
    answer: S,
    is_last: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, UpstreamError>> + Send + use<T, S>
where
    T: Send,
    S: Stream<Item = Result<T, UpstreamError>> + Send,
{
    stream! {
        let mut call = Call { upstream, ended: false };
        let mut answer = pin!(answer);
        while let Some(item) = answer.next().await {
            // Before the item is passed on: its reader may not come back for more.
            match &item {
                Ok(item) if is_last(item) => call.succeeded(),
                Ok(_) => {}
                Err(error) => call.failed(error),
            }
            yield item;
        }
    }
}

impl Call {
    fn succeeded(&mut self) {
        self.end("ok");
    }

    fn failed(&mut self, error: &UpstreamError) {
        let outcome = outcome(error);
        tracing::warn!(
            upstream = self.upstream,
            outcome,
            code = error.code,
            request_id = error.request_id,
            retry = ?error.retry,
            error = error.message,
            "an upstream call failed"
        );
        self.end(outcome);
    }

    fn end(&mut self, outcome: &'static str) {
        self.ended = true;
        metrics::counter!(CALLS, "upstream" => self.upstream, "outcome" => outcome).increment(1);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.end("cancelled");
        }
    }
}

/// The class of a failure: a small fixed set, since each value is a time series of its own.
fn outcome(error: &UpstreamError) -> &'static str {
    match error.code.as_str() {
        "rate_limited" | "rate_limit_exceeded" => "rate_limited",
        "upstream_timeout" | "timeout" => "timeout",
        "invalid_answer"
        | "invalid_stream"
        | "unexpected_content_type"
        | "unexpected_stop"
        | "no_data"
        | "answer_too_large" => "invalid_answer",
        _ if error.retry == Retry::Never => "refused",
        _ => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::stream;

    use super::super::metrics_text::MetricsText;
    use super::*;

    fn error(code: &str, retry: Retry) -> UpstreamError {
        UpstreamError::new("gtm", code, "It failed", retry)
    }

    #[tokio::test]
    async fn each_call_is_counted_once_by_how_it_ended() {
        let metrics = MetricsText::new();
        let _recording = metrics.record();
        assert_eq!(counted("gtm", ready(Ok(7))).await, Ok(7));
        for (code, retry, outcome) in [
            ("rate_limited", Retry::Backoff, "rate_limited"),
            ("rate_limit_exceeded", Retry::Backoff, "rate_limited"),
            ("upstream_timeout", Retry::Backoff, "timeout"),
            ("invalid_answer", Retry::Never, "invalid_answer"),
            ("no_data", Retry::Backoff, "invalid_answer"),
            ("spend_limit_reached", Retry::Never, "refused"),
            ("http_503", Retry::Backoff, "unavailable"),
            ("a name of the upstream's own", Retry::Backoff, "unavailable"),
        ] {
            let before = metrics.calls("gtm", outcome);
            assert!(counted::<()>("gtm", ready(Err(error(code, retry)))).await.is_err());
            assert_eq!(metrics.calls("gtm", outcome), before + 1, "{code}");
        }
        assert_eq!(metrics.calls("gtm", "ok"), 1);
        assert_eq!(metrics.all_calls(), 9, "{}", metrics.text());
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_is_cancelled() {
        let metrics = MetricsText::new();
        let _recording = metrics.record();
        let mut call = Box::pin(counted::<()>("gtm", pending()));
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        assert_eq!((metrics.calls("gtm", "cancelled"), metrics.all_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_stream_counts_from_its_first_poll_to_its_last_item() {
        let metrics = MetricsText::new();
        let _recording = metrics.record();
        let call = |items: Vec<Result<u8, UpstreamError>>| {
            Box::pin(counted_stream("claude", stream::iter(items).chain(stream::pending()), |item| *item == 2))
        };
        drop(call(vec![]));
        assert_eq!(metrics.all_calls(), 0, "nothing was sent");

        let mut whole = call(vec![Ok(1), Ok(2)]);
        assert_eq!((whole.next().await, whole.next().await), (Some(Ok(1)), Some(Ok(2))));
        assert_eq!(metrics.calls("claude", "ok"), 1, "also for one who does not come back");
        drop(whole);

        let mut failing = call(vec![Ok(1), Err(error("upstream_timeout", Retry::Backoff))]);
        assert!(failing.next().await.unwrap().is_ok());
        assert!(failing.next().await.unwrap().is_err());
        drop(failing);
        assert_eq!(metrics.calls("claude", "timeout"), 1);

        let mut dropped = call(vec![Ok(1)]);
        assert!(dropped.next().await.unwrap().is_ok());
        drop(dropped);
        assert_eq!((metrics.calls("claude", "cancelled"), metrics.all_calls()), (1, 3));
    }
}
