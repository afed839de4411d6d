//! Judges gtm's answers outside the stream: statuses, content types, and plain JSON.
//! It does not read the event stream.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::super::deadline::Deadline;
use super::super::error::{Retry, UpstreamError};
use super::super::sse::SseLimitExceeded;
use super::super::{http, json, text};
use super::complaint::{Complaint, no_data};
use super::dialect::{self, Meaning};
use super::{SPEAKER, UPSTREAM, connection_failed};

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
    let error = status_error(response.status(), http::retry_after(response.headers()));
    let body = http::error_body(response).await;
    Err(match json::parse(&String::from_utf8_lossy(&body)) {
        Ok(Value::Object(body)) => Complaint::read(&body).added_to(error),
        _ => error,
    })
}

/// By the content type; an answer without one, or with one that says little, is read as events.
pub(super) fn kind(response: &Response) -> Result<AnswerKind, UpstreamError> {
    let stated = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or(""));
    let essence = stated.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/event-stream" | "" | "text/plain" | "application/octet-stream" => Ok(AnswerKind::Events),
        json if json == "application/json" || json.ends_with("+json") => Ok(AnswerKind::Document),
        other => {
            let words = format!("{SPEAKER} answered with {} instead of an analysis", text::clean(other, 100));
            Err(UpstreamError::new(UPSTREAM, "unexpected_content_type", words, Retry::Backoff))
        }
    }
}

/// Reads an answer that is one JSON document of at most `limit` bytes.
pub(super) async fn document(
    mut response: Response,
    deadline: &Deadline,
    limit: usize,
) -> Result<Value, UpstreamError> {
    let mut body = Vec::new();
    while let Some(chunk) = deadline.wait(response.chunk()).await?.map_err(connection_failed)? {
        if body.len() + chunk.len() > limit {
            return Err(oversized(format!("the answer is larger than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body);
    match json::parse(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
        Ok(Value::Object(data)) => match dialect::of_document(data) {
            Meaning::Complete(result) => Ok(result),
            Meaning::Failed(error) => Err(error),
            Meaning::Progress(_) | Meaning::Words(_) => Err(no_data()),
        },
        _ => {
            let words = format!("{SPEAKER} answered with JSON that is no analysis");
            Err(UpstreamError::new(UPSTREAM, "invalid_answer", words, Retry::Backoff))
        }
    }
}

/// A stream beyond its limits would be so again.
pub(super) fn too_large(exceeded: SseLimitExceeded) -> UpstreamError {
    oversized(exceeded.to_string())
}

fn oversized(what: String) -> UpstreamError {
    UpstreamError::new(UPSTREAM, "answer_too_large", format!("{SPEAKER} sent too much: {what}"), Retry::Never)
}

fn status_error(status: StatusCode, wait: Option<Duration>) -> UpstreamError {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limited".into(),
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "upstream_timeout".into(),
        other => format!("http_{}", other.as_u16()),
    };
    let words = if status.is_redirection() {
        format!("{SPEAKER} has moved ({status}); check GTM_BASE_URL")
    } else {
        format!("{SPEAKER} answered {status}")
    };
    UpstreamError::new(UPSTREAM, code, words, status_retry(status, wait))
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
