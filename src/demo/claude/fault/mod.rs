//! The faults of the language model by name (UPSTREAMS.md §10), and what each does to an answer.
//! It must not know how faults are asked for, nor accept what the API refuses.

mod error;
mod message;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use error::ErrorAnswer;

use super::wire::{Event, Message};
use crate::demo::answer::Answer;
use crate::demo::fault::FaultNote;
use std::sync::LazyLock;

/// What a fault does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Answers with an error; the request is not looked at.
    Error(ErrorAnswer),
    /// Changes what the answer says.
    Message(fn(&mut Message)),
    /// Streams the events in another way; for streamed answers only.
    Stream(fn(Vec<Event>) -> Answer),
    /// Adds to the answer's head.
    Answer(fn(Answer) -> Answer),
}

/// Every fault's name and description.
pub(super) fn notes() -> &'static [FaultNote] {
    static NOTES: LazyLock<Vec<FaultNote>> = LazyLock::new(|| FAULTS.iter().map(|(note, _)| *note).collect());
    &NOTES
}

/// What the fault of this name does.
pub(super) fn effect(name: &str) -> Option<Effect> {
    FAULTS.iter().find(|(note, _)| note.name == name).map(|(_, effect)| *effect)
}

/// The names of those that mean something for an answer that is not streamed.
pub(super) fn names_for_whole_answers() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().filter(|(_, effect)| !matches!(effect, Effect::Stream(_))).map(|(note, _)| note.name)
}

const fn fault(name: &'static str, description: &'static str, effect: Effect) -> (FaultNote, Effect) {
    (FaultNote { name, description }, effect)
}

static FAULTS: [(FaultNote, Effect); 22] = [
    fault("bad-request", "status 400, invalid_request_error", Effect::Error(error::BAD_REQUEST)),
    fault("bad-key", "status 401, authentication_error", Effect::Error(error::BAD_KEY)),
    fault("retired-model", "status 404, not_found_error", Effect::Error(error::RETIRED_MODEL)),
    fault("rate-limited", "status 429 with retry-after: 1", Effect::Error(error::RATE_LIMITED)),
    fault("rate-limited-silent", "status 429 without retry-after", Effect::Error(error::RATE_LIMITED_SILENT)),
    fault("spend-limit", "status 429 of the account's monthly limit", Effect::Error(error::SPEND_LIMIT)),
    fault("overloaded", "status 529, overloaded_error", Effect::Error(error::OVERLOADED)),
    fault("should-not-retry", "status 500 with x-should-retry: false", Effect::Error(error::SHOULD_NOT_RETRY)),
    fault("server-error", "status 500, api_error", Effect::Error(error::SERVER_ERROR)),
    fault("cut-off", "half of the answer, stop_reason max_tokens", Effect::Message(message::cut_off)),
    fault("refusal", "no answer, stop_reason refusal", Effect::Message(message::refusal)),
    fault("fenced", "the JSON between code fences, with words around it", Effect::Message(message::fenced)),
    fault("no-json", "words in place of JSON", Effect::Message(message::no_json)),
    fault("wrong-shape", "JSON with other members than asked for", Effect::Message(message::wrong_shape)),
    fault(
        "out-of-range",
        "valid by schema: confidence 7, one item, dates reversed",
        Effect::Message(message::out_of_range),
    ),
    fault("error-midstream", "an `error` event in the middle of the text", Effect::Stream(stream::error_midstream)),
    fault("no-message-stop", "the stream ends before `message_stop`", Effect::Stream(stream::no_message_stop)),
    fault("unknown-events", "event, block and delta types that nobody knows", Effect::Stream(stream::unknown_events)),
    fault("ping-flood", "thousands of pings between the events", Effect::Stream(stream::ping_flood)),
    fault("silence", "silent for good after some text", Effect::Stream(stream::silence)),
    fault("reset", "the connection is reset in the middle of an event", Effect::Stream(stream::reset)),
    fault("rate-limit-headers", "a normal answer with rate-limit headers", Effect::Answer(stream::with_rate_limits)),
];
