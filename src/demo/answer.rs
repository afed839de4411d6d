//! Turns what an API would say, and what the script says about it, into a response.
//! It must not know any of the three APIs.

use super::behaviour::{Behaviour, Ending};
use super::control::{Admitted, OpenRequest};
use super::socket::ResetSwitch;
use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use std::io;
use std::time::Duration;

/// One Server-Sent Event with a name and JSON data on one line.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// What an API says when nothing interferes.
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(String, String)>,
    /// Sent before the first event and not counted as one.
    preamble: Option<Bytes>,
    /// The body, cut where a `HoldAfter` may hold it.
    events: BoxStream<'static, Bytes>,
}

impl Answer {
    /// A whole JSON body; it counts as one event.
    pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
        let body = Bytes::from(body.to_string());
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ];
        Answer { status, headers, preamble: None, events: futures_util::stream::iter([body]).boxed() }
    }

    /// A `text/event-stream` of these events.
    pub(super) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
        let headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Answer { status: StatusCode::OK, headers, preamble: None, events: events.boxed() }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn with_preamble(mut self, preamble: &'static str) -> Answer {
        self.preamble = Some(Bytes::from_static(preamble.as_bytes()));
        self
    }
}

/// Answers an admitted request as its behaviour says; `normal` is asked only if the behaviour needs the real answer.
pub(super) fn respond(admitted: Admitted, reset: ResetSwitch, normal: impl FnOnce() -> Answer) -> Response {
    let Admitted { behaviour, pace, open } = admitted;
    match behaviour {
        Behaviour::Normal => from_answer(normal(), None, pace, open),
        Behaviour::HoldAfter { events, gate } => from_answer(normal(), Some((events, gate)), pace, open),
        Behaviour::Status { status, mut headers, body } => {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            response(status, &headers, raw_body(vec![body], Ending::Close, reset, open))
        }
        Behaviour::Raw { status, headers, chunks, ending } => {
            response(status, &headers, raw_body(chunks, ending, reset, open))
        }
    }
}

fn from_answer(
    answer: Answer,
    hold: Option<(usize, super::behaviour::Gate)>,
    pace: Duration,
    open: OpenRequest,
) -> Response {
    let Answer { status, headers, preamble, mut events } = answer;
    let body = stream! {
        let _open = open;
        if let Some(preamble) = preamble {
            yield Ok(preamble);
        }
        let mut sent = 0;
        loop {
            if let Some((after, gate)) = &hold && *after == sent {
                // Hyper writes to the socket when the body has nothing ready.
                tokio::task::yield_now().await;
                gate.pass().await;
            }
            let Some(event) = events.next().await else { break };
            if sent > 0 && !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            sent += 1;
            yield Ok(event);
        }
    };
    response(status.as_u16(), &headers, body)
}

fn raw_body(
    chunks: Vec<Bytes>,
    ending: Ending,
    reset: ResetSwitch,
    open: OpenRequest,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream! {
        let _open = open;
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            yield Ok(chunk);
            // With nothing ready hyper flushes, so that each chunk leaves by itself.
            tokio::task::yield_now().await;
        }
        match ending {
            Ending::Close => {}
            Ending::Hang => std::future::pending::<()>().await,
            Ending::Reset => {
                reset.arm();
                yield Err(io::Error::other("reset by the script"));
            }
            Ending::Abort => yield Err(io::Error::other("aborted by the script")),
        }
    }
}

fn response(
    status: u16,
    headers: &[(String, String)],
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Response {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from_stream(body)).unwrap_or_else(|error| {
        let message = format!("the script's status {status} or one of its headers is not valid HTTP: {error}");
        (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
    })
}
