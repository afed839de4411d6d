//! Writes a message as the Messages API does, whole or as events.
//! It must not decide what the message says.

use crate::demo::answer::event;
use axum::body::Bytes;
use serde_json::{Value, json};

/// How many events a streamed answer sends before the first `text_delta`: `message_start`, `ping`, the five of the
/// thinking block and the start of the text block.
pub const EVENTS_BEFORE_TEXT: usize = 8;

/// Made up; the real one cannot be checked by a caller either.
const SIGNATURE: &str = "c3RhbmQtaW4gc2lnbmF0dXJl";
/// The sizes of the pieces of text, in characters, taken in turn.
const PIECES: [usize; 6] = [14, 22, 12, 18, 24, 16];

/// A finished answer.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) model: String,
    /// Two pieces of thought.
    pub(super) thinking: [String; 2],
    pub(super) text: String,
    pub(super) stop_reason: &'static str,
    /// Null unless the model refused.
    pub(super) stop_details: Value,
    pub(super) input_tokens: usize,
    pub(super) output_tokens: usize,
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    /// Repeats the name in `type`.
    pub(super) data: Value,
}

impl Event {
    /// Each event's JSON repeats its name in `type`.
    pub(super) fn new(name: &'static str, mut data: Value) -> Event {
        data["type"] = json!(name);
        Event { name, data }
    }

    pub(super) fn written(&self) -> Bytes {
        event(self.name, &self.data)
    }
}

/// The answer to a request without `stream`.
pub(super) fn whole(message: &Message) -> Value {
    let content = json!([
        {"type": "thinking", "thinking": message.thinking.concat(), "signature": SIGNATURE},
        {"type": "text", "text": message.text},
    ]);
    let mut body = envelope(message, content, message.output_tokens);
    body["stop_reason"] = json!(message.stop_reason);
    body["stop_details"] = message.stop_details.clone();
    body
}

/// The answer to a request with `stream`.
pub(super) fn events(message: &Message) -> Vec<Event> {
    let mut events = vec![
        Event::new("message_start", json!({"message": envelope(message, json!([]), 1)})),
        Event::new("ping", json!({})),
        block_start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
    ];
    for thought in &message.thinking {
        events.push(delta(0, json!({"type": "thinking_delta", "thinking": thought})));
    }
    events.push(delta(0, json!({"type": "signature_delta", "signature": SIGNATURE})));
    events.push(block_stop(0));
    events.push(block_start(1, json!({"type": "text", "text": ""})));
    events.extend(pieces(&message.text).map(|piece| delta(1, json!({"type": "text_delta", "text": piece}))));
    events.push(block_stop(1));
    let mut stop = json!({"stop_reason": message.stop_reason, "stop_sequence": null});
    if !message.stop_details.is_null() {
        stop["stop_details"] = message.stop_details.clone();
    }
    events.push(Event::new("message_delta", json!({"delta": stop, "usage": {"output_tokens": message.output_tokens}})));
    events.push(Event::new("message_stop", json!({})));
    events
}

fn envelope(message: &Message, content: Value, output_tokens: usize) -> Value {
    json!({
        "id": message.id, "type": "message", "role": "assistant", "model": message.model, "content": content,
        "stop_reason": null, "stop_sequence": null, "stop_details": null,
        "usage": {
            "input_tokens": message.input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        },
    })
}

fn block_start(index: usize, block: Value) -> Event {
    Event::new("content_block_start", json!({"index": index, "content_block": block}))
}

fn delta(index: usize, delta: Value) -> Event {
    Event::new("content_block_delta", json!({"index": index, "delta": delta}))
}

fn block_stop(index: usize) -> Event {
    Event::new("content_block_stop", json!({"index": index}))
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let mut characters = text.chars();
    PIECES.iter().cycle().map_while(move |size| {
        let piece: String = characters.by_ref().take(*size).collect();
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            id: "msg_1".to_owned(),
            model: "claude-sonnet-5-5 (simulated)".to_owned(),
            thinking: ["one ".to_owned(), "two".to_owned()],
            text: "{\"name\": \"Ä–long enough for several pieces of text\"}".to_owned(),
            stop_reason: "end_turn",
            stop_details: Value::Null,
            input_tokens: 10,
            output_tokens: 20,
        }
    }

    fn parsed(event: &Bytes) -> (String, Value) {
        let text = std::str::from_utf8(event).unwrap();
        let (name, data) = text.trim_end().split_once('\n').unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), data)
    }

    #[test]
    fn the_stream_carries_the_same_message_as_the_whole_answer() {
        let message = message();
        let events: Vec<_> = events(&message).iter().map(|event| parsed(&event.written())).collect();
        let join = |kind: &str, member: &str| {
            let deltas = events.iter().map(|(_, data)| &data["delta"]).filter(|delta| delta["type"] == kind);
            deltas.map(|delta| delta[member].as_str().unwrap()).collect::<String>()
        };
        let whole = whole(&message);
        assert_eq!(join("thinking_delta", "thinking"), whole["content"][0]["thinking"].as_str().unwrap());
        assert_eq!(join("signature_delta", "signature"), whole["content"][0]["signature"].as_str().unwrap());
        assert_eq!(join("text_delta", "text"), whole["content"][1]["text"].as_str().unwrap());
        assert!(events.iter().all(|(name, data)| data["type"] == name.as_str()));
        assert_eq!(events.last().unwrap().0, "message_stop");
        let first_text = events.iter().position(|(_, data)| data["delta"]["type"] == "text_delta");
        assert_eq!(first_text, Some(EVENTS_BEFORE_TEXT));
    }

    #[test]
    fn pieces_are_small_and_complete() {
        let text = "äöü€".repeat(60);
        let pieces: Vec<String> = pieces(&text).collect();
        assert_eq!(pieces.concat(), text);
        let (last, rest) = pieces.split_last().unwrap();
        assert!(rest.iter().all(|piece| (12..=24).contains(&piece.chars().count())));
        assert!(last.chars().count() <= 24);
    }
}
