//! What gtm says of a failure, in whatever shape it says it, as one of our errors.
//! It does not recognise failures: whoever calls it has found one.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::error::{Retry, TRY_LATER, UpstreamError};
use super::super::{http, text};
use super::{NO_DATA, UPSTREAM};

/// What gtm says of a failure; every member may be missing.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    message: Option<String>,
    code: Option<String>,
    retryable: Option<bool>,
    wait: Option<Duration>,
}

/// The name of a failure that gtm does not name.
#[derive(Clone, Copy)]
pub(super) struct Untold {
    pub(super) code: &'static str,
    pub(super) words: &'static str,
}

impl Complaint {
    /// From `{"error": "…" | {code, message, retry_recommended, retry_after}, "message", "code", "retry"}`.
    pub(super) fn read(data: &Map<String, Value>) -> Self {
        let nothing = Map::new();
        let error = data.get("error");
        let inner = error.and_then(Value::as_object).unwrap_or(&nothing);
        let seconds = inner.get("retry_after").or(data.get("retry_after")).and_then(Value::as_f64);
        Self {
            message: [inner.get("message"), error, data.get("message")].into_iter().find_map(shown),
            code: [inner.get("code"), data.get("code")]
                .into_iter()
                .flatten()
                .find_map(|code| text::code(code.as_str()?)),
            retryable: data
                .get("retry")
                .and_then(Value::as_bool)
                .or(inner.get("retry_recommended").and_then(Value::as_bool)),
            wait: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|wait| !wait.is_zero()),
        }
    }

    pub(super) fn said(message: Option<String>) -> Self {
        Self { message, ..Self::default() }
    }

    /// The failure that an event or a document reports; `untold` is what it is called where gtm says only that it failed.
    /// What gtm recommends counts; else its code; an unknown code may be tried again.
    pub(super) fn into_error(self, untold: Untold) -> UpstreamError {
        let retryable = self.verdict().unwrap_or(true);
        let retry = match self.wait {
            _ if !retryable => Retry::Never,
            Some(wait) => Retry::After(wait.min(http::LONGEST_RETRY_AFTER)),
            None => Retry::Backoff,
        };
        let code = self.code.unwrap_or_else(|| untold.code.into());
        let words = self.message.unwrap_or_else(|| format!("{}; {TRY_LATER}", untold.words));
        UpstreamError::new(UPSTREAM, code, words, retry)
    }

    /// The failure that a status before the stream stands for, unless gtm says more. What it says can make the failure
    /// fatal, never retryable.
    pub(super) fn added_to(self, mut error: UpstreamError) -> UpstreamError {
        if self.verdict() == Some(false) {
            error.retry = Retry::Never;
        }
        error.code = self.code.unwrap_or(error.code);
        error.message = self.message.unwrap_or(error.message);
        error
    }

    fn verdict(&self) -> Option<bool> {
        self.retryable.or(self.code.as_deref().and_then(known_code))
    }
}

fn shown(value: Option<&Value>) -> Option<String> {
    Some(text::clean(value?.as_str()?, text::SHOWN_CHARACTERS)).filter(|shown| !shown.is_empty())
}

/// Whether the codes of the author's specification (UPSTREAMS §1.3), in lower case, are worth another try.
fn known_code(code: &str) -> Option<bool> {
    match code {
        "timeout"
        | "rate_limit_exceeded"
        | "service_unavailable"
        | "ai_service_error"
        | "internal_error"
        | "analysis_failed" => Some(true),
        "invalid_url" | "inaccessible_url" | "protected_content" | "insufficient_data" => Some(false),
        _ => None,
    }
}

/// An end that brings no result.
pub(super) fn no_data() -> UpstreamError {
    UpstreamError::new(UPSTREAM, "no_data", format!("{NO_DATA}; {TRY_LATER}"), Retry::Backoff)
}
