//! What is done for every request: an id, a span, its place among the counts, and what all answers say.
//! Must not read or write a body, and must not show a query, which may hold a token.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use crate::engine::Engine;
use crate::meter;

/// The header that a request's id is taken from and returned in.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id that a client gives.
pub(super) const LONGEST_ID: usize = 64;

/// The route of what no route matches.
const NO_ROUTE: &str = "none";

/// Runs a request inside its span, counts it, and sets what all answers say. Once the process drains it asks clients to
/// connect anew (cutting idle connections could meet a request on its way).
pub(super) async fn observe(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path, id) = (request.method().clone(), request.uri().path().to_owned(), id(request.headers()));
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let request_id = id.to_str().unwrap_or_default();
    let span =
        tracing::info_span!("request", %method, route, request_id, job_id = job_id(route, &path), status = Empty);

    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    span.record("status", status);
    meter::request_answered(route, method.as_str(), status, began.elapsed());
    span.in_scope(|| tracing::debug!(path, status, "request"));
    harden(response.headers_mut());
    if engine.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn harden(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The address of an event stream may hold a token.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // What a route does not say may be kept is not: a 204 or a readiness from a cache would mislead.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The id that the client gives, if it is one that may stand in a log; else a new one.
fn id(headers: &HeaderMap) -> HeaderValue {
    headers.get(REQUEST_ID).filter(|given| is_id(given.as_bytes())).cloned().unwrap_or_else(new_id)
}

fn is_id(given: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=LONGEST_ID).contains(&given.len()) && given.iter().all(allowed)
}

/// An id for a request that brings none.
pub(super) fn new_id() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::new_v4().simple().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
}

/// The id of the job in the path, on a route that has one.
fn job_id(route: &str, path: &str) -> Option<tracing::field::DisplayValue<Uuid>> {
    let id = route.starts_with("/api/jobs/{id}/").then(|| path.split('/').nth(3)).flatten()?;
    Uuid::parse_str(id).ok().map(tracing::field::display)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(given: &str) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(given).unwrap())])
    }

    #[test]
    fn a_clients_id_is_kept_if_it_may_stand_in_a_log() {
        for given in ["a", "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d", "Trace_1.2-3", &"x".repeat(64)] {
            assert_eq!(id(&with(given)), given);
        }
        for given in ["", "two words", "a=b", "<script>", "é", &"x".repeat(65)] {
            assert_ne!(id(&with(given)), given);
            assert!(is_id(id(&with(given)).as_bytes()));
        }
        assert_ne!(id(&HeaderMap::new()), id(&HeaderMap::new()));
    }

    #[test]
    fn a_job_id_is_read_where_the_route_has_one() {
        let job = "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d";
        let read = |route, path: &str| job_id(route, path).map(|id| format!("{id:?}"));
        assert_eq!(read("/api/jobs/{id}/status", &format!("/api/jobs/{job}/status")), Some(job.to_owned()));
        assert_eq!(read("/api/jobs/{id}/status", "/api/jobs/secret/status"), None);
        assert_eq!(read("/api/brands/{brand_id}/events", &format!("/api/brands/{job}/events")), None);
    }
}
