//! What a refusal by Foreplay means, in words for the person, and whether another try may help (UPSTREAMS §2.3).
//! It reads no ads.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::super::error::{Retry, TRY_LATER, UpstreamError};
use super::super::key::ApiKey;
use super::super::{http, json, text};
use super::{SPEAKER, UPSTREAM};

/// An answer whose status says that the call failed; `said` is what its body says.
pub(super) fn of_status(status: StatusCode, wait: Option<Duration>, said: &str, key: &ApiKey) -> UpstreamError {
    // A gateway may repeat a part of the key that it refuses.
    let logged = if status == StatusCode::UNAUTHORIZED { String::new() } else { key.strike_from(said) };
    tracing::warn!(upstream = UPSTREAM, status = status.as_u16(), said = logged, "the upstream answered with an error");
    UpstreamError::new(UPSTREAM, code(status), words(status, said), retry(status, wait))
}

/// An answer with a good status that says inside that it failed, perhaps with the status that it should have had.
pub(super) fn of_document(status: Option<StatusCode>, said: &str, key: &ApiKey) -> UpstreamError {
    match status {
        Some(status) => of_status(status, None, said, key),
        None => {
            let words = with_said(format!("{SPEAKER} could not search for ads; {TRY_LATER}"), said);
            UpstreamError::new(UPSTREAM, "search_failed", words, Retry::Backoff)
        }
    }
}

fn code(status: StatusCode) -> String {
    match status.as_u16() {
        400 | 422 => "invalid_request".into(),
        401 | 403 => "invalid_key".into(),
        402 => "no_credits".into(),
        408 | 504 => "upstream_timeout".into(),
        429 => "rate_limited".into(),
        number => format!("http_{number}"),
    }
}

fn words(status: StatusCode, said: &str) -> String {
    match status.as_u16() {
        300..=399 => format!("{SPEAKER} has moved ({status}); check FOREPLAY_BASE_URL"),
        400 | 422 => with_said(format!("{SPEAKER} did not accept the search; change the competitor's name"), said),
        401 => format!("{SPEAKER} refused the API key; check FOREPLAY_API_KEY"),
        403 => format!("{SPEAKER} does not allow this API key to search ads; check FOREPLAY_API_KEY and its account"),
        402 => format!("{SPEAKER} has no credits left: top up the {SPEAKER} account, then retry this job"),
        408 | 504 => format!("{SPEAKER} did not answer in time; {TRY_LATER}"),
        429 => format!("{SPEAKER} takes no more requests at the moment; {TRY_LATER}"),
        number @ 500.. => with_said(format!("{SPEAKER} has a problem at the moment ({number}); {TRY_LATER}"), said),
        number => with_said(format!("{SPEAKER} answered {number}, which was not expected"), said),
    }
}

fn with_said(words: String, said: &str) -> String {
    if said.is_empty() { words } else { format!("{words}: {said}") }
}

fn retry(status: StatusCode, wait: Option<Duration>) -> Retry {
    match wait {
        _ if !matches!(status.as_u16(), 408 | 425 | 429 | 500..) => Retry::Never,
        Some(wait) => Retry::After(wait.min(http::LONGEST_RETRY_AFTER)),
        None => Retry::Backoff,
    }
}

/// What the body of a failure says; empty where it says nothing that can be read.
pub(super) fn said_in(body: &[u8]) -> String {
    match json::parse_body(body) {
        Ok(Value::Object(answer)) => said(&answer),
        _ => String::new(),
    }
}

/// In `metadata.message`, else `detail`, `message`, `error` (UPSTREAMS §2.3), at most 400 characters.
pub(super) fn said(answer: &Map<String, Value>) -> String {
    let metadata = answer.get("metadata").and_then(|metadata| metadata.get("message"));
    [metadata, answer.get("detail"), answer.get("message"), answer.get("error")]
        .into_iter()
        .flatten()
        .filter_map(sentence)
        .find(|said| !said.is_empty())
        .unwrap_or_default()
}

/// A text, or the message in an object, or that of the first item of a list, as validators give them.
fn sentence(value: &Value) -> Option<String> {
    let value = value.get(0).unwrap_or(value);
    let text = value.as_str().or_else(|| ["message", "msg"].iter().find_map(|key| value.get(key)?.as_str()))?;
    Some(text::clean(text, 400))
}
