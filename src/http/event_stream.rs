//! A `text/event-stream` of a job or a brand: the first frame, then whatever the event log has after the reader's cursor.
//! Must not buffer for a reader or spawn a task for one.

use std::pin::pin;

use async_stream::stream;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use rand::RngExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Api;
use super::auth::Watches;
use super::error::ApiError;
use super::query::Parameters;
use super::shares::Place;
use crate::event::{Seq, Subject};
use crate::meter::{self, OpenStream, StreamEnd, StreamRefusal};

/// How long a browser waits before it comes back, in milliseconds; varied by a fifth either way, so that readers that
/// were cut off together do not come back together.
const RETRY_MILLISECONDS: u32 = 3000;

/// The same when the process drains, for another instance is there already, or when the reader's token is over.
const LAST_RETRY_MILLISECONDS: std::ops::RangeInclusive<u32> = 500..=4000;

/// Where a reader that comes back says what it has (WHATWG HTML, section 9.2).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A comment that shows proxies and watchdogs that the stream lives.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// Opens the stream behind its `sync` frame, for as long as the caller's token is good. While the process drains the stream
/// ends at once.
///
/// # Errors
/// [`ApiError::TooManyStreams`] when as many are open as may be, [`ApiError::TooManyOfClient`] when the client has as many.
pub(super) fn open(
    api: Api,
    watches: Watches,
    subject: Subject,
    cursor: Seq,
    sync: &str,
) -> Result<Response, ApiError> {
    let first = first_frame(cursor, sync);
    if api.engine.is_draining() {
        return Ok(event_stream(Body::from([first, last_frame()].concat())));
    }
    let admission = admit(&api, &watches).map_err(|limit| {
        meter::stream_refused(subject.into(), limit);
        match limit {
            StreamRefusal::All => ApiError::TooManyStreams { limit: api.settings.max_streams },
            StreamRefusal::Address | StreamRefusal::Token => ApiError::TooManyOfClient { limit: api.shares.limit },
        }
    })?;
    Ok(event_stream(Body::from_stream(frames(api, subject, cursor, first, admission))))
}

/// What a stream holds until its reader is gone.
struct Admission {
    /// The token that opened it is good until then.
    until: Option<DateTime<Utc>>,
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

fn admit(api: &Api, watches: &Watches) -> Result<Admission, StreamRefusal> {
    let place = api.shares.take(watches.client)?;
    let permit = api.streams.permits.clone().try_acquire_owned().map_err(|_| StreamRefusal::All)?;
    Ok(Admission { until: watches.caller.until(), _permit: permit, _place: place })
}

/// The cursor that a reader asks for.
#[derive(Clone, Copy)]
pub(super) enum AskedFor {
    Start,
    After(Seq),
    Tail,
}

impl AskedFor {
    /// `Last-Event-ID`, else `last_event_id` in the query, else the start.
    pub(super) fn read(headers: &HeaderMap, parameters: &Parameters) -> Result<AskedFor, ApiError> {
        let header = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
        let (field, text) = match (header, parameters.text("last_event_id")) {
            (Some(value), _) => ("Last-Event-ID", value.to_str().unwrap_or("not text")),
            (None, Some("tail")) => return Ok(AskedFor::Tail),
            (None, Some(text)) => ("last_event_id", text),
            (None, None) => return Ok(AskedFor::Start),
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("{field} must be the id of an event, a whole number");
            return Err(ApiError::Malformed { field: Some(field.to_owned()), message });
        }
        // A number that no seq can reach is ahead of every log.
        Ok(match text.parse().unwrap_or(Seq::MAX) {
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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    Start,
    Exact,
    Reset,
}

impl Resume {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Resume::Start => "start",
            Resume::Exact => "exact",
            Resume::Reset => "reset",
        }
    }
}

/// The bytes of a stream.
fn frames(
    api: Api,
    subject: Subject,
    cursor: Seq,
    first: Bytes,
    admission: Admission,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
    let last = last_frame();
    stream! {
        // All of it, not only the part that is read below: its places are held until the stream is dropped.
        let admission = admission;
        let mut counted = OpenStream::open(subject.into());
        let mut over = false;
        yield Ok(first);
        let keep_alive = api.settings.keep_alive;
        let mut events = pin!(api.engine.event_log().follow(subject, cursor));
        let mut silence = pin!(tokio::time::sleep(keep_alive));
        let mut must_end = pin!(must_end(&api, admission.until));
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(frame) => {
                        silence.as_mut().reset(Instant::now() + keep_alive);
                        over = frame.terminal;
                        if let Some(lag) = frame.lag {
                            meter::delivered(lag);
                        }
                        yield Ok(frame.bytes);
                    }
                    None => {
                        counted.ends(if over { StreamEnd::Over } else { StreamEnd::Failed });
                        return;
                    }
                },
                () = &mut silence => {
                    silence.as_mut().reset(Instant::now() + keep_alive);
                    yield Ok(KEEP_ALIVE);
                }
                end = &mut must_end => {
                    counted.ends(end);
                    yield Ok(last);
                    return;
                }
            }
        }
    }
}

/// Returns when the process drains or the reader's token is no longer good.
async fn must_end(api: &Api, until: Option<DateTime<Utc>>) -> StreamEnd {
    tokio::select! {
        () = drained(api) => StreamEnd::Drained,
        () = passed(until) => StreamEnd::Expired,
    }
}

/// Returns at that time, at once if it is over. One that lies beyond all clocks never comes.
async fn passed(time: Option<DateTime<Utc>>) {
    match time {
        None => std::future::pending().await,
        Some(time) => tokio::time::sleep((time - Utc::now()).to_std().unwrap_or_default()).await,
    }
}

/// Returns some time after the process began to drain, spread so that readers do not all come back at once.
async fn drained(api: &Api) {
    api.engine.draining().cancelled_owned().await;
    let spread = api.settings.drain_spread.mul_f64(rand::rng().random_range(0.0..=1.0));
    tokio::time::sleep(spread).await;
}

fn first_frame(cursor: Seq, sync: &str) -> Bytes {
    let fifth = RETRY_MILLISECONDS / 5;
    let retry = rand::rng().random_range(RETRY_MILLISECONDS - fifth..=RETRY_MILLISECONDS + fifth);
    Bytes::from(format!("retry: {retry}\nid: {cursor}\nevent: sync\ndata: {sync}\n\n"))
}

/// The last frame of a stream that ends before its subject does: when to come back, to another instance or with another
/// token.
fn last_frame() -> Bytes {
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
