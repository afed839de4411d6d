//! What can go wrong with a call to Claude, in words for the person, and whether another try may help.
//! It does not read the event stream; it reads the bodies of answers that are not one.
//!
//! The rules are those of Anthropic's documentation and SDKs (UPSTREAMS §3.6): the status is judged first, and a type
//! of error that is not known is no reason to fail differently.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use reqwest_eventsource::Error as SourceError;

use super::super::error::{Retry, TRY_LATER, UpstreamError};
use super::super::{http, text};
use super::wire::{ApiError, ErrorBody, StopDetails};
use super::{ClaudeClient, SPEAKER, UPSTREAM};

/// The `error_code` of a rate limit that is the account's monthly cap: no wait within a job's life helps.
const SPEND_LIMIT: &str = "enforced_spend_limit_reached";

/// The failure that an item of the event source stands for.
pub(super) async fn of_source(error: SourceError, client: &ClaudeClient) -> UpstreamError {
    match error {
        SourceError::InvalidStatusCode(status, response) => of_status(status, response, client).await,
        SourceError::InvalidContentType(stated, _) => unexpected_content_type(&stated),
        SourceError::Transport(error) => http::transport_error(UPSTREAM, SPEAKER, error),
        SourceError::StreamEnded => ended_early(),
        SourceError::Utf8(_) | SourceError::Parser(_) => {
            new("invalid_stream", format!("Claude's answer was garbled on the way; {TRY_LATER}"), Retry::Backoff)
        }
        SourceError::InvalidLastEventId(_) => undecodable(),
    }
}

/// An `error` event in a stream whose status was 200.
pub(super) fn of_event(error: ApiError, request_id: Option<String>) -> UpstreamError {
    let retry = match error.kind.as_deref() {
        _ if is_spend_limit(&error) => Retry::Never,
        Some(
            "invalid_request_error"
            | "authentication_error"
            | "billing_error"
            | "permission_error"
            | "not_found_error"
            | "request_too_large",
        ) => Retry::Never,
        _ => Retry::Backoff,
    };
    let code = match error.kind.as_deref() {
        Some("rate_limit_error") => rate_limit_code(&error).into(),
        Some("authentication_error") => "invalid_key".into(),
        Some("timeout_error") => "upstream_timeout".into(),
        kind => kind.and_then(text::code).unwrap_or_else(|| "upstream_error".into()),
    };
    let words = match retry {
        Retry::Never => "Claude stopped in the middle of its answer".into(),
        Retry::Backoff | Retry::After(_) => format!("Claude stopped in the middle of its answer; {TRY_LATER}"),
    };
    let words = with_message(words, &error);
    UpstreamError { request_id: shown_id(request_id), ..new(code, words, retry) }
}

async fn of_status(status: StatusCode, response: Response, client: &ClaudeClient) -> UpstreamError {
    let headers = response.headers().clone();
    let body: ErrorBody = serde_json::from_slice(&http::error_body(response).await).unwrap_or_default();
    let request_id = request_id(&headers).or_else(|| shown_id(body.request_id));
    // A gateway may repeat a part of the key that it refuses.
    let refused_key = status == StatusCode::UNAUTHORIZED;
    let logged = if refused_key { String::new() } else { client.api_key.strike_from(&said(&body.error)) };
    tracing::warn!(
        upstream = UPSTREAM,
        status = status.as_u16(),
        error_type = text::clean(body.error.kind.as_deref().unwrap_or(""), 100),
        request_id,
        said = logged,
        "the upstream answered with an error"
    );
    UpstreamError {
        request_id,
        ..new(
            status_code(status, &body.error),
            status_words(status, &body.error, &client.model),
            status_retry(status, &headers, &body.error),
        )
    }
}

fn status_code(status: StatusCode, error: &ApiError) -> String {
    match status.as_u16() {
        401 => "invalid_key".into(),
        408 | 504 => "upstream_timeout".into(),
        429 => rate_limit_code(error).into(),
        number => error.kind.as_deref().and_then(text::code).unwrap_or_else(|| format!("http_{number}")),
    }
}

fn status_words(status: StatusCode, error: &ApiError, model: &str) -> String {
    let with_said = |words: &str| with_message(words.into(), error);
    match status.as_u16() {
        300..=399 => format!("Claude has moved ({status}); check ANTHROPIC_BASE_URL"),
        400 => with_said("Claude did not accept the request"),
        // Not the upstream's words: a gateway may repeat a part of the key.
        401 => "Claude refused the API key; check ANTHROPIC_API_KEY".into(),
        402 => with_said("Claude's account cannot pay for this; check its billing, then retry this job"),
        403 => with_said("Claude does not allow this API key to do that; check the key's permissions"),
        404 => with_said(&format!("Claude has no model {model} here; check ANTHROPIC_MODEL and ANTHROPIC_BASE_URL")),
        408 | 504 => format!("Claude did not answer in time; {TRY_LATER}"),
        413 => "The request is larger than Claude accepts; start the job again with less to read".into(),
        429 if is_spend_limit(error) => {
            "Claude's account has reached its spend limit; raise the limit, then retry this job".into()
        }
        429 => with_said(&format!("Claude takes no more requests at the moment; {TRY_LATER}")),
        529 => with_said(&format!("Claude is overloaded at the moment; {TRY_LATER}")),
        number @ 500.. => with_said(&format!("Claude has a problem at the moment ({number}); {TRY_LATER}")),
        number => with_said(&format!("Claude answered {number}, which was not expected")),
    }
}

/// Obeys `x-should-retry`; else by the status, then waits as long as the headers ask, up to a minute.
fn status_retry(status: StatusCode, headers: &HeaderMap, error: &ApiError) -> Retry {
    let monthly_cap =
        status == StatusCode::TOO_MANY_REQUESTS && is_spend_limit(error) && !headers.contains_key(RETRY_AFTER);
    let retryable = match header_text(headers, "x-should-retry") {
        _ if monthly_cap => false,
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status.as_u16(), 408 | 409 | 429 | 500..),
    };
    match wait(headers) {
        _ if !retryable => Retry::Never,
        Some(wait) => Retry::After(wait),
        None => Retry::Backoff,
    }
}

/// `retry-after-ms`, else `retry-after`, where it is a time of at most a minute.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = header_text(headers, "retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok());
    let precise = milliseconds.and_then(|wait| Duration::try_from_secs_f64(wait / 1000.0).ok());
    let usable = |wait: &Duration| !wait.is_zero() && *wait <= http::LONGEST_RETRY_AFTER;
    precise.filter(usable).or_else(|| http::retry_after(headers).filter(usable))
}

/// An answer with status 200 that is neither an event stream nor a message. It may have been billed, and would be so
/// again.
pub(super) fn unexpected_content_type(stated: &HeaderValue) -> UpstreamError {
    let stated = text::clean(stated.to_str().unwrap_or(""), 100);
    let what = if stated.is_empty() { "an answer of no type" } else { &stated };
    let words = format!("Claude answered with {what} instead of an event stream; check ANTHROPIC_BASE_URL");
    new("unexpected_content_type", words, Retry::Never)
}

pub(super) fn ended_early() -> UpstreamError {
    new("stream_ended_early", format!("Claude's answer ended before it was complete; {TRY_LATER}"), Retry::Backoff)
}

pub(super) fn refused(details: StopDetails) -> UpstreamError {
    let reason = [details.category, details.explanation].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let reason = text::clean(&reason, text::SHOWN_CHARACTERS);
    let reason = if reason.is_empty() { "it gave no reason" } else { &reason };
    new("refused", format!("Claude declined to answer ({reason}); start the job with other input"), Retry::Never)
}

pub(super) fn unexpected_stop(stop_reason: &str) -> UpstreamError {
    let reason = if stop_reason.is_empty() { "without a reason" } else { stop_reason };
    let words = format!("Claude stopped before its answer was complete ({reason}); {TRY_LATER}");
    new("unexpected_stop", words, Retry::Backoff)
}

pub(super) fn too_long(limit: usize) -> UpstreamError {
    http::too_large(UPSTREAM, SPEAKER, &format!("the answer is longer than {limit} bytes"))
}

pub(super) fn unreadable(name: &str) -> UpstreamError {
    let words = format!("A part of Claude's answer cannot be read ({name}); {TRY_LATER}");
    new("invalid_stream", words, Retry::Backoff)
}

/// The event source's parser gave up on bytes that it will always give up on.
pub(super) fn undecodable() -> UpstreamError {
    new("invalid_stream", "Claude's answer is not a readable event stream; check ANTHROPIC_BASE_URL", Retry::Never)
}

pub(super) fn unrepeatable() -> UpstreamError {
    new("client_setup", "The request to Claude could not be set up", Retry::Never)
}

fn new(code: impl Into<String>, words: impl Into<String>, retry: Retry) -> UpstreamError {
    UpstreamError::new(UPSTREAM, code, words, retry)
}

fn with_message(words: String, error: &ApiError) -> String {
    let said = said(error);
    if said.is_empty() { words } else { format!("{words}: {said}") }
}

/// The upstream's own words.
fn said(error: &ApiError) -> String {
    text::clean(error.message.as_deref().unwrap_or(""), text::SHOWN_CHARACTERS)
}

fn rate_limit_code(error: &ApiError) -> &'static str {
    if is_spend_limit(error) { "spend_limit_reached" } else { "rate_limited" }
}

fn is_spend_limit(error: &ApiError) -> bool {
    error.details["error_code"] == SPEND_LIMIT
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The `request-id` of an answer, which Anthropic's support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    shown_id(header_text(headers, "request-id").map(str::to_owned))
}

pub(super) fn shown_id(id: Option<String>) -> Option<String> {
    id.map(|id| text::clean(&id, 100)).filter(|id| !id.is_empty())
}
