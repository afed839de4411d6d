//! What can go wrong with a streamed answer: its events, its end, its silence.
//! It must not change what the answer says.

use crate::demo::answer::Answer;
use crate::demo::behaviour::Ending;
use crate::demo::claude::wire::{EVENTS_BEFORE_TEXT, Event};
use axum::body::Bytes;
use chrono::{SecondsFormat, Utc};
use serde_json::json;

/// Events that come before whatever goes wrong: three pieces of text.
const BEFORE: usize = EVENTS_BEFORE_TEXT + 3;
/// Pings sent at once, and behind how many events.
const PINGS: usize = 250;
const FLOODED: usize = 20;
/// The index of the text's block.
const TEXT_BLOCK: u64 = 1;

pub(super) fn error_midstream(mut events: Vec<Event>) -> Answer {
    events.truncate(BEFORE);
    let error = json!({"type": "overloaded_error", "message": "Simulated: Overloaded"});
    events.push(Event::new("error", json!({"error": error, "request_id": "req_standin_midstream"})));
    streamed(events)
}

pub(super) fn no_message_stop(mut events: Vec<Event>) -> Answer {
    events.retain(|event| event.name != "message_stop");
    streamed(events)
}

/// A block of an unknown type stands before the text, whose index is one more than usual.
pub(super) fn unknown_events(events: Vec<Event>) -> Answer {
    let mut told = Vec::with_capacity(events.len() + 6);
    for mut event in events {
        let begins_text = event.name == "content_block_start" && event.data["index"] == TEXT_BLOCK;
        if begins_text {
            told.push(Event::new("hologram", json!({"simulated": true, "depth": [1, 2]})));
            let block = json!({"type": "hologram", "text": "Simulated: this is not text"});
            told.push(Event::new("content_block_start", json!({"index": TEXT_BLOCK, "content_block": block})));
            let delta = json!({"type": "hologram_delta", "text": "Simulated: nor is this"});
            told.push(Event::new("content_block_delta", json!({"index": TEXT_BLOCK, "delta": delta})));
            told.push(Event::new("content_block_stop", json!({"index": TEXT_BLOCK})));
        }
        if event.data["index"] == TEXT_BLOCK {
            event.data["index"] = json!(TEXT_BLOCK + 1);
        }
        told.push(event);
        if begins_text {
            let delta = json!({"type": "glow_delta", "glow": 0.5});
            told.push(Event::new("content_block_delta", json!({"index": TEXT_BLOCK + 1, "delta": delta})));
        }
    }
    streamed(told)
}

pub(super) fn ping_flood(events: Vec<Event>) -> Answer {
    let flood = Bytes::from(Event::new("ping", json!({})).written().repeat(PINGS));
    let told: Vec<Bytes> = events
        .iter()
        .enumerate()
        .flat_map(|(number, event)| [Some(event.written()), (number < FLOODED).then(|| flood.clone())])
        .flatten()
        .collect();
    Answer::events(futures_util::stream::iter(told))
}

pub(super) fn silence(mut events: Vec<Event>) -> Answer {
    events.truncate(BEFORE);
    streamed(events).ending_in(Ending::Hang)
}

pub(super) fn reset(mut events: Vec<Event>) -> Answer {
    events.truncate(BEFORE + 1);
    let mut told: Vec<Bytes> = events.iter().map(Event::written).collect();
    if let Some(last) = told.last_mut() {
        last.truncate(last.len() / 2);
    }
    Answer::events(futures_util::stream::iter(told)).ending_in(Ending::Reset)
}

/// The headers that the API adds to every answer.
pub(super) fn with_rate_limits(answer: Answer) -> Answer {
    let reset = (Utc::now() + chrono::Duration::seconds(30)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let limits = [("requests", 50), ("tokens", 90_000), ("input-tokens", 80_000), ("output-tokens", 10_000)];
    limits.into_iter().fold(answer, |answer, (what, limit)| {
        answer
            .with_header(&format!("anthropic-ratelimit-{what}-limit"), limit)
            .with_header(&format!("anthropic-ratelimit-{what}-remaining"), limit - 1)
            .with_header(&format!("anthropic-ratelimit-{what}-reset"), &reset)
    })
}

fn streamed(events: Vec<Event>) -> Answer {
    Answer::events(futures_util::stream::iter(events.into_iter().map(|event| event.written())))
}
