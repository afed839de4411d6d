//! The faults of the site analysis by name (UPSTREAMS.md §10), and what each does to an answer.
//! It must not know how faults are asked for.

mod body;
mod dialect;
mod stream;

use super::server::Endpoint;
use super::told::Events;
use crate::demo::answer::Answer;
use crate::demo::behaviour::{Behaviour, Ending};
use crate::demo::fault::FaultNote;
use axum::body::Bytes;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

/// How late a slow answer is.
const SLOW: Duration = Duration::from_secs(5);
/// How long a silence lasts that ends.
const SILENCE: Duration = Duration::from_secs(3);

/// A fault with its effect.
pub(super) struct Fault {
    note: FaultNote,
    pub(super) effect: Effect,
}

/// What a fault does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Answers with this at any endpoint; no site is read.
    Instead(fn() -> Behaviour),
    /// Tells the analysis in another way.
    Stream(fn(Events) -> Answer),
    /// Tells the analysis in another way, and does this at the endpoints that answer with JSON.
    StreamOr(fn(Events) -> Answer, fn() -> Behaviour),
    /// Changes the body of the endpoints that answer with JSON.
    Body(fn(&mut Value)),
    /// Changes the body of the brand extraction.
    Extraction(fn(&mut Value)),
    /// Answers as always, but later.
    Late(Duration),
}

impl Fault {
    /// The fault of this name, if it means anything at this endpoint.
    pub(super) fn find(name: &str, endpoint: Endpoint) -> Option<&'static Fault> {
        FAULTS.iter().find(|fault| fault.note.name == name && fault.is_for(endpoint))
    }

    /// The names that mean something at this endpoint.
    pub(super) fn names(endpoint: Endpoint) -> impl Iterator<Item = &'static str> {
        FAULTS.iter().filter(move |fault| fault.is_for(endpoint)).map(|fault| fault.note.name)
    }

    fn is_for(&self, endpoint: Endpoint) -> bool {
        match self.effect {
            Effect::Instead(_) | Effect::StreamOr(..) | Effect::Late(_) => true,
            Effect::Stream(_) => endpoint == Endpoint::Analysis,
            Effect::Body(_) => endpoint != Endpoint::Analysis,
            Effect::Extraction(_) => endpoint == Endpoint::Extraction,
        }
    }
}

/// Every fault's name and description.
pub(super) fn notes() -> &'static [FaultNote] {
    static NOTES: LazyLock<Vec<FaultNote>> = LazyLock::new(|| FAULTS.iter().map(|fault| fault.note).collect());
    &NOTES
}

const fn fault(name: &'static str, description: &'static str, effect: Effect) -> Fault {
    Fault { note: FaultNote { name, description }, effect }
}

static FAULTS: [Fault; 32] = [
    fault("dialect-a", "named events, the result in `result`: the normal stream", Effect::Stream(dialect::a)),
    fault("dialect-b", "no `event:` line, the name and the flat result inside the JSON", Effect::Stream(dialect::b)),
    fault("dialect-c", "`step` in place of `message`, an object as the error", Effect::Stream(dialect::c)),
    fault("dialect-d", "plain text in place of JSON, but for the last event", Effect::Stream(dialect::d)),
    fault("plain-text", "a line of plain text between all events", Effect::Stream(dialect::with_plain_text)),
    fault("byte-chunks", "each byte in a chunk of its own", Effect::Stream(stream::byte_chunks)),
    fault("split-utf8", "chunks cut inside of characters", Effect::Stream(stream::split_utf8)),
    fault("split-crlf", "CRLF as line ends, chunks cut between CR and LF", Effect::Stream(stream::split_crlf)),
    fault("cr-only", "CR as line ends", Effect::Stream(stream::cr_only)),
    fault("bom", "a byte order mark before everything", Effect::Stream(stream::bom)),
    fault("huge-complete", "2 MiB more in the result", Effect::Stream(stream::huge_complete)),
    fault("no-final-blank-line", "no blank line behind the last event", Effect::Stream(stream::no_final_blank_line)),
    fault("no-complete", "the stream ends before `complete`", Effect::Stream(stream::no_complete)),
    fault("error-event", "an `error` event after three others, not to be retried", Effect::Stream(stream::error_event)),
    fault(
        "error-retryable",
        "an `error` event after three others, to be retried",
        Effect::Stream(stream::error_retryable),
    ),
    fault(
        "events-after-complete",
        "events behind `complete`, an error among them",
        Effect::Stream(stream::events_after_complete),
    ),
    fault("progress-backwards", "a progress that falls", Effect::Stream(stream::progress_backwards)),
    fault("progress-over-100", "a progress beyond 100", Effect::Stream(stream::progress_over_100)),
    fault("progress-as-string", "a progress in quotation marks", Effect::Stream(stream::progress_as_string)),
    fault("json-instead", "the result as one JSON body in place of a stream", Effect::Stream(stream::json_instead)),
    fault(
        "silence",
        "silent for good, in a stream after three events",
        Effect::StreamOr(stream::silence, body::silence),
    ),
    fault(
        "silence-3s",
        "silent for three seconds after three events",
        Effect::Stream(|events| stream::silence_of(events, SILENCE)),
    ),
    fault(
        "reset",
        "the connection is reset in the middle of an event or body",
        Effect::StreamOr(stream::reset, body::reset),
    ),
    fault("status-400", "status 400 with a JSON error", Effect::Instead(|| body::status(400))),
    fault("status-500", "status 500 with a JSON error", Effect::Instead(|| body::status(500))),
    fault("status-503", "status 503 with a JSON error", Effect::Instead(|| body::status(503))),
    fault("not-found", "status 404 with a JSON error", Effect::Instead(|| body::status(404))),
    fault("html", "a web page with status 200", Effect::Instead(body::html)),
    fault("success-false", "status 200 with `success` false and an error", Effect::Instead(body::success_false)),
    fault("slow", "the answer comes five seconds late", Effect::Late(SLOW)),
    fault("thin", "JSON endpoints: optional members missing, fonts in the older form", Effect::Body(body::thin)),
    fault(
        "big-screenshot",
        "brand extraction: 8 MiB of base64 as the screenshot",
        Effect::Extraction(body::big_screenshot),
    ),
];

/// A body of these chunks with a status of 200.
fn raw(content_type: &str, chunks: &'static [&'static str], ending: Ending) -> Behaviour {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    let chunks = chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect();
    Behaviour::Raw { status: 200, headers, chunks, ending }
}
