//! Turns what an API would say, and what the script says about it, into a response.
//! It must not know any of the three APIs.

use super::behaviour::{Behaviour, Ending, Gate};
use super::control::{Admitted, OpenRequest};
use super::socket::ResetSwitch;
use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use std::future::Future;
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
    /// How many times the pace passes before the head is sent.
    lead_in: u32,
    /// Passes whatever the pace is, before the head is sent.
    wait: Duration,
    /// The chunks that an event, or the preamble, is written in.
    cut: fn(Bytes) -> Vec<Bytes>,
    ending: Ending,
}

impl Answer {
    /// A whole JSON body; it counts as one event.
    pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
        let body = Bytes::from(body.to_string());
        let length = body.len();
        let answer = Answer::new(status, "application/json", futures_util::stream::iter([body]));
        answer.with_header("content-length", length)
    }

    /// A `text/event-stream` of these events.
    pub(super) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
        let answer = Answer::new(StatusCode::OK, "text/event-stream; charset=utf-8", events);
        answer.with_header("cache-control", "no-cache")
    }

    /// A body of this type, of unknown length.
    pub(super) fn new(
        status: StatusCode,
        content_type: &str,
        events: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            preamble: None,
            events: events.boxed(),
            lead_in: 0,
            wait: Duration::ZERO,
            cut: |event| vec![event],
            ending: Ending::Close,
        }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn with_preamble(mut self, preamble: impl Into<Bytes>) -> Answer {
        self.preamble = Some(preamble.into());
        self
    }

    /// Holds the whole answer back for so many times the pace; at once where there is none.
    pub(super) fn after_paces(mut self, paces: u32) -> Answer {
        self.lead_in = paces;
        self
    }

    /// Holds the whole answer back, whatever the pace is.
    pub(super) fn after(mut self, wait: Duration) -> Answer {
        self.wait = wait;
        self
    }

    /// Writes each event in the chunks that `cut` makes of it.
    pub(super) fn cut_by(mut self, cut: fn(Bytes) -> Vec<Bytes>) -> Answer {
        self.cut = cut;
        self
    }

    pub(super) fn ending_in(mut self, ending: Ending) -> Answer {
        self.ending = ending;
        self
    }
}

/// Answers an admitted request as its behaviour says; `normal` is asked only if the behaviour needs the real answer.
pub(super) async fn respond<F>(admitted: Admitted, reset: ResetSwitch, normal: impl FnOnce() -> F) -> Response
where
    F: Future<Output = Answer>,
{
    let Admitted { behaviour, pace, open, fault: _ } = admitted;
    match behaviour {
        Behaviour::Normal => from_answer(normal().await, None, pace, reset, open).await,
        Behaviour::HoldAfter { events, gate } => {
            from_answer(normal().await, Some((events, gate)), pace, reset, open).await
        }
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

async fn from_answer(
    answer: Answer,
    hold: Option<(usize, Gate)>,
    pace: Duration,
    reset: ResetSwitch,
    open: OpenRequest,
) -> Response {
    let Answer { status, headers, preamble, mut events, lead_in, wait, cut, ending } = answer;
    let wait = wait + pace * lead_in;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let body = stream! {
        let _open = open;
        for chunk in preamble.map(cut).unwrap_or_default() {
            yield Ok(chunk);
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
            let chunks = cut(event);
            let alone = chunks.len() > 1;
            for chunk in chunks {
                yield Ok(chunk);
                if alone {
                    // With nothing ready hyper flushes, so that each chunk leaves by itself.
                    tokio::task::yield_now().await;
                }
            }
        }
        if let Some(error) = end(ending, &reset).await {
            yield Err(error);
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
        if let Some(error) = end(ending, &reset).await {
            yield Err(error);
        }
    }
}

/// Ends a body as told: the error makes hyper give the connection up.
async fn end(ending: Ending, reset: &ResetSwitch) -> Option<io::Error> {
    // What was said before is on its way by then.
    tokio::task::yield_now().await;
    match ending {
        Ending::Close => None,
        Ending::Hang => std::future::pending().await,
        Ending::Reset => {
            reset.arm();
            Some(io::Error::other("reset by the script"))
        }
        Ending::Abort => Some(io::Error::other("aborted by the script")),
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
