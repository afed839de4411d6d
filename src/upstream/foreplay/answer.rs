//! Reads a page of ads out of an answer, and what it cost out of its headers.
//! It relies on no member of an ad, and judges no status.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::super::error::{Retry, TRY_LATER, UpstreamError};
use super::super::key::ApiKey;
use super::super::{json, text};
use super::{AdPage, SPEAKER, UPSTREAM, failure};

/// A cursor longer than this would not fit into an address.
const CURSOR_BYTES: usize = 4096;

/// What one call cost, where Foreplay says it (UPSTREAMS §2.3).
#[derive(Clone, Copy)]
pub(super) struct Credits {
    cost: Option<u64>,
    remaining: Option<u64>,
}

impl Credits {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        Self { cost: number("x-credit-cost"), remaining: number("x-credits-remaining") }
    }

    pub(super) fn count(self) {
        if let Some(cost) = self.cost {
            metrics::counter!("jobcast_foreplay_credits_total").increment(cost);
        }
        if let Some(remaining) = self.remaining {
            metrics::gauge!("jobcast_foreplay_credits_remaining").set(remaining as f64);
        }
    }

    pub(super) fn page(self, ads: Vec<Value>, cursor: Option<String>) -> AdPage {
        let Self { cost, remaining } = self;
        tracing::info!(
            upstream = UPSTREAM,
            ads = ads.len(),
            credit_cost = cost,
            credits_remaining = remaining,
            more = cursor.is_some(),
            "Foreplay answered"
        );
        AdPage { ads, cursor, credit_cost: cost, credits_remaining: remaining }
    }
}

/// The page in the body of an answer with a good status, which may still say that it failed.
pub(super) fn page(body: &[u8], content_type: &str, credits: Credits, key: &ApiKey) -> Result<AdPage, UpstreamError> {
    let Ok(Value::Object(mut answer)) = json::parse_body(body) else { return Err(no_list(content_type)) };
    let metadata = match answer.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    if metadata.get("success") == Some(&Value::Bool(false)) {
        return match stated_status(&metadata) {
            Some(StatusCode::NOT_FOUND) => Ok(credits.page(Vec::new(), None)),
            status => {
                answer.insert("metadata".into(), Value::Object(metadata));
                Err(failure::of_document(status, &failure::said(&answer), key))
            }
        };
    }
    let ads = match answer.remove("data") {
        Some(Value::Array(ads)) => ads.into_iter().filter(is_ad).collect(),
        // One client met a single ad that stood for the list.
        Some(ad @ Value::Object(_)) => Some(ad).filter(is_ad).into_iter().collect(),
        Some(Value::Null) => Vec::new(),
        None if !metadata.is_empty() => Vec::new(),
        _ => return Err(no_list(content_type)),
    };
    Ok(credits.page(ads, cursor(&metadata)))
}

fn is_ad(value: &Value) -> bool {
    value.as_object().is_some_and(|ad| !ad.is_empty())
}

fn stated_status(metadata: &Map<String, Value>) -> Option<StatusCode> {
    let stated = metadata.get("status_code").and_then(Value::as_u64)?;
    let status = StatusCode::from_u16(u16::try_from(stated).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn cursor(metadata: &Map<String, Value>) -> Option<String> {
    let cursor = match metadata.get("cursor")? {
        Value::String(cursor) => cursor.clone(),
        Value::Number(cursor) => cursor.to_string(),
        _ => return None,
    };
    if cursor.len() > CURSOR_BYTES {
        tracing::warn!(upstream = UPSTREAM, bytes = cursor.len(), "a cursor is too long to be followed");
        return None;
    }
    (!cursor.trim().is_empty()).then_some(cursor)
}

/// A page of a proxy, or half an answer.
fn no_list(content_type: &str) -> UpstreamError {
    let what = match content_type {
        "" | "application/json" => "something that is no list of ads".into(),
        other => format!("{} instead of a list of ads", text::clean(other, 100)),
    };
    let words = format!("{SPEAKER} answered with {what}; {TRY_LATER}");
    UpstreamError::new(UPSTREAM, "invalid_answer", words, Retry::Backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_a_page_of_objects_or_a_refusal_in_words() {
        let key = ApiKey::new("fp-test-secret");
        let credits = Credits { cost: None, remaining: None };
        crate::corpus::withstands("foreplay", 2000, |bytes| match page(bytes, "application/json", credits, &key) {
            Ok(page) => {
                assert!(page.ads.iter().all(|ad| ad.as_object().is_some_and(|ad| !ad.is_empty())), "{page:?}");
                let fine = |cursor: &String| !cursor.trim().is_empty() && cursor.len() <= CURSOR_BYTES;
                assert!(page.cursor.as_ref().is_none_or(fine), "{page:?}");
            }
            Err(error) => {
                assert!(!error.message.is_empty() && error.message.chars().count() <= 600, "{error:?}");
                failure::said_in(bytes);
            }
        });
    }
}
