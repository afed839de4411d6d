//! Judges gtm's answers outside the stream: statuses, content types, and plain JSON.
//! It does not read the event stream.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};

use super::super::deadline::Deadline;
use super::super::error::{Retry, TRY_LATER, UpstreamError};
use super::super::sse::SseLimitExceeded;
use super::super::{http, json, text};
use super::complaint::{Complaint, no_data};
use super::dialect::{self, Meaning};
use super::{SPEAKER, UPSTREAM};

/// How a good answer is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AnswerKind {
    Events,
    /// One JSON document, which is the result.
    Document,
}

/// Passes an answer with a good status; any other becomes the error it stands for.
pub(super) async fn accept(response: Response) -> Result<Response, UpstreamError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let error = status_error(status, http::retry_after(response.headers()));
    let error = match json::parse_body(&http::error_body(response).await) {
        Ok(Value::Object(body)) => Complaint::read(&body).added_to(error),
        _ => error,
    };
    tracing::warn!(
        upstream = UPSTREAM,
        status = status.as_u16(),
        error_type = error.code,
        said = error.message,
        "the upstream answered with an error"
    );
    Err(error)
}

/// By the content type; an answer without one, or with one that says little, is read as events.
pub(super) fn kind(response: &Response) -> Result<AnswerKind, UpstreamError> {
    match http::content_type(response).as_str() {
        "text/event-stream" | "" | "text/plain" | "application/octet-stream" => Ok(AnswerKind::Events),
        json if json == "application/json" || json.ends_with("+json") => Ok(AnswerKind::Document),
        other => {
            let other = text::clean(other, 100);
            let words = format!("{SPEAKER} answered with {other} instead of an analysis; {TRY_LATER}");
            Err(UpstreamError::new(UPSTREAM, "unexpected_content_type", words, Retry::Backoff))
        }
    }
}

/// Reads an analysis that is one JSON document of at most `limit` bytes.
pub(super) async fn analysis(response: Response, deadline: &Deadline, limit: usize) -> Result<Value, UpstreamError> {
    match dialect::of_document(object(response, deadline, limit).await?) {
        Meaning::Complete(result) => Ok(result),
        Meaning::Failed(error) => Err(error),
        Meaning::Progress(_) | Meaning::Words(_) => Err(no_data()),
    }
}

/// Reads an answer that is one JSON object of at most `limit` bytes.
pub(super) async fn object(
    response: Response,
    deadline: &Deadline,
    limit: usize,
) -> Result<Map<String, Value>, UpstreamError> {
    match json::parse_body(&http::body(response, deadline, limit).await?) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(invalid("JSON that is no analysis")),
    }
}

/// An answer that cannot be what was asked for.
pub(super) fn invalid(what: &str) -> UpstreamError {
    let words = format!("{SPEAKER} answered with {what}; {TRY_LATER}");
    UpstreamError::new(UPSTREAM, "invalid_answer", words, Retry::Backoff)
}

pub(super) fn too_large(exceeded: SseLimitExceeded) -> UpstreamError {
    http::too_large(UPSTREAM, SPEAKER, &exceeded.to_string())
}

fn status_error(status: StatusCode, wait: Option<Duration>) -> UpstreamError {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limited".into(),
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "upstream_timeout".into(),
        other => format!("http_{}", other.as_u16()),
    };
    let retry = status_retry(status, wait);
    let words = match (status, retry) {
        _ if status.is_redirection() => format!("{SPEAKER} has moved ({status}); check GTM_BASE_URL"),
        (StatusCode::NOT_FOUND, _) => {
            format!("{SPEAKER} answered {status}; check the site's address and GTM_BASE_URL")
        }
        (_, Retry::Never) => format!("{SPEAKER} answered {status}; check the site's address"),
        (_, Retry::Backoff | Retry::After(_)) => format!("{SPEAKER} answered {status}; {TRY_LATER}"),
    };
    UpstreamError::new(UPSTREAM, code, words, retry)
}

fn status_retry(status: StatusCode, wait: Option<Duration>) -> Retry {
    let transient = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    match wait {
        _ if !transient => Retry::Never,
        Some(wait) => Retry::After(wait.min(http::LONGEST_RETRY_AFTER)),
        None => Retry::Backoff,
    }
}
