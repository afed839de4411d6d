//! The beginning of a `text/event-stream` of a job or a brand: where it begins, whether it may, its head and first frame.
//! Must not send what follows; `delivery` does.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::RngExt;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::Api;
use super::auth::Watches;
use super::delivery::{EventStream, Handover, Leaving};
use super::error::ApiError;
use super::query::Parameters;
use super::shares::Place;
use crate::event::{Seq, Subject};
use crate::meter::{self, StreamRefusal};

/// How long a browser waits before it comes back, in milliseconds; varied by a fifth either way, so that readers that
/// were cut off together do not come back together.
const RETRY_MILLISECONDS: u32 = 3000;

/// The same when the process drains, for another instance is there already, or when the reader's token is over.
const LAST_RETRY_MILLISECONDS: std::ops::RangeInclusive<u32> = 500..=4000;

/// Where a reader that comes back says what it has (WHATWG HTML, section 9.2).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Opens the stream behind its `sync` frame, for as long as the caller's token is good. While the process drains the stream
/// ends at once.
///
/// # Errors
/// [`ApiError::TooManyStreams`] when as many are open as may be, [`ApiError::TooManyOfClient`] when the client has as many.
pub(super) fn open(
    api: Api,
    watches: Watches,
    line: Line,
    subject: Subject,
    cursor: Seq,
    sync: &impl Serialize,
) -> Result<Response, ApiError> {
    let first = first_frame(cursor, sync);
    if api.engine.is_draining() {
        return Ok(event_stream(Body::from([first.as_bytes(), &last_frame()].concat())));
    }
    let admission = admit(&api, &watches).map_err(|limit| {
        meter::stream_refused(subject.into(), limit);
        match limit {
            StreamRefusal::All => ApiError::TooManyStreams { limit: api.settings.max_streams },
            StreamRefusal::Address | StreamRefusal::Token => ApiError::TooManyOfClient { limit: api.shares.limit },
        }
    })?;
    let mut stream =
        EventStream { delivery: api.delivery, subject, cursor, over: false, admission, chunked: line.chunked };
    let first = stream.with_missed(first);
    let mut response = event_stream(Body::new(Leaving::after(first, stream, line.handover)));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// The connection that a stream was asked for on.
pub(super) struct Line {
    handover: Handover,
    /// HTTP/1.0 knows no chunks (RFC 9112, section 7.1).
    chunked: bool,
}

impl<S: Sync> FromRequestParts<S> for Line {
    type Rejection = ApiError;

    /// # Errors
    /// [`ApiError::NoSocket`] where another loop than ours serves: the stream would wait for its socket for ever.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Line, ApiError> {
        let handover = parts.extensions.get::<Handover>().cloned().ok_or(ApiError::NoSocket)?;
        Ok(Line { handover, chunked: parts.version >= Version::HTTP_11 })
    }
}

/// What a stream holds until its reader is gone.
pub(super) struct Admission {
    /// The token that opened it is good until then.
    pub(super) until: Option<DateTime<Utc>>,
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Admission {
    pub(super) fn new(until: Option<DateTime<Utc>>, permit: OwnedSemaphorePermit, place: Place) -> Admission {
        Admission { until, _permit: permit, _place: place }
    }
}

fn admit(api: &Api, watches: &Watches) -> Result<Admission, StreamRefusal> {
    let place = api.shares.take(watches.client)?;
    let permit = api.streams.permits.clone().try_acquire_owned().map_err(|_| StreamRefusal::All)?;
    Ok(Admission::new(watches.caller.until(), permit, place))
}

/// The cursor that a reader asks for.
#[derive(Clone, Copy)]
pub(super) enum AskedFor {
    Start,
    After(Seq),
    Tail,
}

impl AskedFor {
    /// `Last-Event-ID`, else `last_event_id` in the query, else the start. What is no cursor is refused in either place.
    pub(super) fn read(headers: &HeaderMap, parameters: &Parameters) -> Result<AskedFor, ApiError> {
        let header = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
        let header = header.map(|value| AskedFor::after("Last-Event-ID", value.to_str().unwrap_or("not text")));
        let query = match parameters.text("last_event_id") {
            Some("tail") => Some(Ok(AskedFor::Tail)),
            text => text.map(|text| AskedFor::after("last_event_id", text)),
        };
        let (header, query) = (header.transpose()?, query.transpose()?);
        Ok(header.or(query).unwrap_or(AskedFor::Start))
    }

    fn after(field: &str, id: &str) -> Result<AskedFor, ApiError> {
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("{field} must be the id of an event, a whole number");
            return Err(ApiError::Malformed { field: Some(field.to_owned()), message });
        }
        // A number that no seq can reach is ahead of every log.
        Ok(match id.parse().unwrap_or(Seq::MAX) {
            0 => AskedFor::Start,
            seq => AskedFor::After(seq),
        })
    }

    /// The cursor to go on from, in a log whose history from `pruned_through` to `last_seq` is whole.
    pub(super) fn resume(self, last_seq: Seq, pruned_through: Seq) -> (Seq, Resume) {
        match self {
            AskedFor::Start => (0, Resume::Start),
            AskedFor::Tail => (last_seq, Resume::Exact),
            AskedFor::After(seq) if seq > last_seq || seq < pruned_through => (0, Resume::Reset),
            AskedFor::After(seq) => (seq, Resume::Exact),
        }
    }
}

/// How the stream goes on from what the reader has.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resume {
    /// From the first event on.
    Start,
    /// Behind the reader's cursor.
    Exact,
    /// From the first event on, since the cursor was unknown: what the reader has is to be forgotten.
    Reset,
}

fn first_frame(cursor: Seq, sync: &impl Serialize) -> String {
    let fifth = RETRY_MILLISECONDS / 5;
    let retry = rand::rng().random_range(RETRY_MILLISECONDS - fifth..=RETRY_MILLISECONDS + fifth);
    sync_frame(retry, cursor, sync)
}

/// The first frame of a stream whose reader is to come back after so many milliseconds.
pub(super) fn sync_frame(retry: u32, cursor: Seq, sync: &impl Serialize) -> String {
    let sync = serde_json::to_string(sync).expect("a sync has string keys and finite numbers only");
    format!("retry: {retry}\nid: {cursor}\nevent: sync\ndata: {sync}\n\n")
}

/// The last frame of a stream that ends before its subject does: when to come back, to another instance or with another
/// token.
pub(super) fn last_frame() -> Bytes {
    Bytes::from(format!("retry: {}\n\n", rand::rng().random_range(LAST_RETRY_MILLISECONDS)))
}

fn event_stream(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_wins_and_the_query_must_be_right_all_the_same() {
        let asked = |header: &'static str, query: &str| {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_static(header))]);
            AskedFor::read(&headers, &Parameters::of_query(query).expect("a query"))
        };
        assert!(matches!(asked("7", "last_event_id=3"), Ok(AskedFor::After(7))));
        assert!(matches!(asked("", "last_event_id=3"), Ok(AskedFor::After(3))));
        assert!(matches!(asked("0", "last_event_id=tail"), Ok(AskedFor::Start)));
        assert!(asked("7", "last_event_id=x").is_err());
        assert!(asked("x", "last_event_id=3").is_err());
    }

    #[tokio::test]
    async fn a_stream_on_a_connection_that_keeps_its_socket_is_refused() {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        assert!(matches!(Line::from_request_parts(&mut parts, &()).await, Err(ApiError::NoSocket)));
        parts.extensions.insert(Handover::default());
        assert!(Line::from_request_parts(&mut parts, &()).await.is_ok_and(|line| line.chunked));
    }

    /// As a header and, escaped and not, in the query.
    #[test]
    fn any_cursor_is_a_place_in_the_log_or_refused() {
        crate::corpus::withstands("cursor", 2000, |bytes| {
            let header =
                HeaderValue::from_bytes(bytes).map(|value| HeaderMap::from_iter([(LAST_EVENT_ID, value)])).ok();
            let escaped: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
            let queries = [Some(format!("last_event_id={escaped}")), String::from_utf8(bytes.to_vec()).ok()];
            let queries = queries.into_iter().flatten().filter_map(|query| Parameters::of_query(&query).ok());
            let asked = header.map(|headers| AskedFor::read(&headers, &Parameters::of_query("").expect("no query")));
            for asked_for in asked.into_iter().chain(queries.map(|query| AskedFor::read(&HeaderMap::new(), &query))) {
                let Ok(asked_for) = asked_for else { continue };
                for (last_seq, pruned_through) in [(0, 0), (7, 0), (7, 6), (Seq::MAX, Seq::MAX - 1)] {
                    let (cursor, resume) = asked_for.resume(last_seq, pruned_through);
                    assert!((0..=last_seq).contains(&cursor), "{cursor} of {last_seq}");
                    assert!(cursor == 0 || cursor >= pruned_through || resume == Resume::Reset, "{cursor}");
                }
            }
        });
    }
}
