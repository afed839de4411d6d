//! One thing that the analysis tells, and how it is usually written.
//! It must not know what there is to tell; `analysis` does.

use crate::demo::answer::{Answer, event};
use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde_json::Value;

/// What an analysis tells, from `started` to `complete` or `error`.
pub(super) type Events = BoxStream<'static, Told>;

/// One event.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) name: &'static str,
    /// An object.
    pub(super) data: Value,
}

impl Told {
    pub(super) fn new(name: &'static str, data: Value) -> Told {
        Told { name, data }
    }

    /// Whether it ends the analysis.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.name, "complete" | "error")
    }

    /// The event with its name and its data on one line.
    pub(super) fn written(&self) -> Bytes {
        event(self.name, &self.data)
    }
}

/// The stream as the service sends it.
pub(super) fn answer(events: Events) -> Answer {
    written(events.map(|told| told.written()))
}

/// A stream of events that are written already.
pub(super) fn written(events: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    Answer::events(events).with_preamble(": ok\n\n")
}
