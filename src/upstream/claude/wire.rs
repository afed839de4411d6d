//! The Messages API's stream events and errors, as they are on the wire.
//! Types it does not know are read as unknown: the lists grow (UPSTREAMS §3.5–3.6). It decides nothing.

use serde::Deserialize;
use serde_json::Value;

use super::super::error::UpstreamError;
use super::super::json;
use super::failure;

/// The event in one SSE message; none for one that is not known here.
pub(super) fn event(name: &str, data: &str) -> Result<Option<StreamEvent>, UpstreamError> {
    match json::parse(data).and_then(serde_json::from_value) {
        Ok(StreamEvent::Unknown) => Ok(None),
        Ok(event) => Ok(Some(event)),
        // A piece of the answer that cannot be read must not be left out of it.
        Err(_) if KNOWN.contains(&name) => Err(failure::unreadable(name)),
        Err(_) => Ok(None),
    }
}

const KNOWN: [&str; 6] =
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "error"];

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StreamEvent {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        index: u64,
        content_block: ContentBlock,
    },
    ContentBlockDelta {
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: MessageChange,
        usage: Option<Usage>,
    },
    MessageStop,
    Error {
        error: ApiError,
        request_id: Option<String>,
    },
    /// `ping`, `content_block_stop`, and what is yet to come.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) model: String,
    pub(super) usage: Option<Usage>,
}

/// A message that was not streamed (UPSTREAMS §3.4).
#[derive(Debug, Deserialize)]
pub(super) struct WholeMessage {
    #[serde(flatten)]
    message: Message,
    content: Vec<ContentBlock>,
    #[serde(flatten)]
    change: MessageChange,
}

impl WholeMessage {
    /// The events that it would have been streamed in.
    pub(super) fn into_events(self) -> Vec<StreamEvent> {
        let blocks = (0..).zip(self.content);
        let mut events = vec![StreamEvent::MessageStart { message: self.message }];
        events.extend(blocks.map(|(index, content_block)| StreamEvent::ContentBlockStart { index, content_block }));
        events.push(StreamEvent::MessageDelta { delta: self.change, usage: None });
        events.push(StreamEvent::MessageStop);
        events
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ContentBlock {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        #[serde(default)]
        input: Value,
    },
    Thinking,
    RedactedThinking,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "thinking_delta")]
    Thinking,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct MessageChange {
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<StopDetails>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct StopDetails {
    pub(super) category: Option<String>,
    pub(super) explanation: Option<String>,
}

/// Cumulative; a later event's numbers replace the earlier ones where it has them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Usage {
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_creation_input_tokens: Option<u64>,
}

/// The body of a status other than 200.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub(super) error: ApiError,
    pub(super) request_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ApiError {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
    /// Of any shape; an object with `error_code` where an account's own limit was reached.
    #[serde(default)]
    pub(super) details: Value,
}
