//! The client of Claude's Messages API: one prompt, one streamed answer in JSON that follows a schema.
//! It sends each request once, writes no prompts of its own, and does not check the answer against the schema.
//!
//! The stream is read through `reqwest-eventsource` with retries off: its default sends the same POST again after every
//! end of a stream (UPSTREAMS §4.2), and each one is billed. The crate does not hand over the headers of a good answer,
//! so that its request id is unknown; the id of the message stands in for it.

mod answer;
mod failure;
mod pricing;
mod reader;
mod request;
mod usage;
mod wire;

use std::time::Duration;

use async_stream::try_stream;
use futures_util::{Stream, StreamExt as _};
use reqwest::header::HeaderValue;
use reqwest_eventsource::{EventSource, retry};
use serde_json::Value;
use url::Url;

pub use self::pricing::cost_usd;
pub use self::request::{ClaudePrompt, Revision};
pub use self::usage::ClaudeUsage;

use self::reader::AnswerReader;
use super::error::UpstreamError;
use super::key::ApiKey;
use super::{call, http};

const UPSTREAM: &str = "claude";
const SPEAKER: &str = "Claude";

/// A client of Claude; cheap to clone, all clones share one connection pool.
#[derive(Clone, Debug)]
pub struct ClaudeClient {
    http: reqwest::Client,
    messages: Url,
    api_key: ApiKey,
    model: String,
    limits: ClaudeLimits,
}

/// The bounds on one answer.
#[derive(Clone, Copy, Debug)]
pub struct ClaudeLimits {
    /// Bytes of text in one answer.
    pub text_bytes: usize,
    /// The longest time without an event. Comments count as silence here: an event that never ends is bounded by this
    /// alone, since `reqwest-eventsource` has no limit of size.
    pub idle: Duration,
    /// The longest call, from the request to the end of the answer.
    pub total: Duration,
}

impl Default for ClaudeLimits {
    /// 4 MiB of text, 60 s without an event, 10 minutes in all (the deadline of Anthropic's SDKs).
    fn default() -> Self {
        Self { text_bytes: 4 * 1024 * 1024, idle: Duration::from_secs(60), total: Duration::from_secs(600) }
    }
}

/// What Claude says while it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaudeEvent {
    /// The answer began; `model` is the one that answers.
    Started {
        /// As the upstream names it.
        model: String,
    },
    /// A sign of life before or between the text.
    Thinking,
    /// The next piece of the answer's text, never empty.
    Text(String),
    /// The whole answer; nothing follows.
    Complete(ClaudeAnswer),
}

/// An answer that Claude ended, or that its length limit ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaudeAnswer {
    /// All text blocks in the order of their index, NUL replaced; of a tool's call, its input.
    pub text: String,
    /// What the text holds.
    pub content: AnswerContent,
    /// The model that answered, as the upstream names it.
    pub model: String,
    /// Why it stopped: `end_turn`, `stop_sequence`, `tool_use`, `max_tokens`, `model_context_window_exceeded`, or a
    /// reason that is not known here, perhaps none.
    pub stop_reason: String,
    /// What the call used up.
    pub usage: ClaudeUsage,
    /// The `request-id`, where it is known: where the answer was no stream.
    pub request_id: Option<String>,
    /// The message's own id (`msg_…`).
    pub message_id: Option<String>,
}

/// What the text of an answer holds.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerContent {
    /// A JSON object, NUL replaced. Not checked against the schema.
    Object(Value),
    /// The answer is whole, and no JSON object can be read in it.
    NoObject,
    /// The answer ended by its length: the same request would be cut off again.
    CutOff,
}

impl ClaudeClient {
    /// A client of the API at `base_url` (`/v1/messages` is appended; the path may be that of a gateway).
    ///
    /// Fails when the address is not http(s), the key cannot be sent in a header, or the TLS set-up fails.
    pub fn new(base_url: Url, api_key: ApiKey, model: String) -> Result<Self, UpstreamError> {
        Self::with_limits(base_url, api_key, model, ClaudeLimits::default())
    }

    /// As [`ClaudeClient::new`], with other limits.
    pub fn with_limits(
        base_url: Url,
        api_key: ApiKey,
        model: String,
        limits: ClaudeLimits,
    ) -> Result<Self, UpstreamError> {
        key_header(&api_key)?;
        let messages = http::endpoint(UPSTREAM, "ANTHROPIC_BASE_URL", &base_url, &["v1", "messages"])?;
        Ok(Self { http: http::client(UPSTREAM, &base_url, limits.idle)?, messages, api_key, model, limits })
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Asks Claude and streams its answer: [`ClaudeEvent::Complete`] or an error is the last item.
    ///
    /// The request is sent once, when the stream is first polled. Dropping the stream closes the connection. An answer
    /// that Claude declined is the error `refused`, and a stream that breaks off before its end is an error, too; what
    /// to make of an answer without a JSON object, or of one that was cut off, is for the caller to say.
    pub fn stream(
        &self,
        prompt: ClaudePrompt,
    ) -> impl Stream<Item = Result<ClaudeEvent, UpstreamError>> + Send + use<> {
        let api_key = self.api_key.clone();
        let answer = self.clone().ask(prompt).map(move |item| {
            item.map_err(|error| UpstreamError { message: api_key.strike_from(&error.message), ..error })
        });
        call::counted_stream(UPSTREAM, answer, |event| matches!(event, ClaudeEvent::Complete(_)))
    }

    fn ask(self, prompt: ClaudePrompt) -> impl Stream<Item = Result<ClaudeEvent, UpstreamError>> + Send {
        try_stream! {
            let source = self.open(&prompt)?;
            let mut reader = AnswerReader::new(self, source);
            let complete = loop {
                match reader.next().await? {
                    complete @ ClaudeEvent::Complete(_) => break complete,
                    event => yield event,
                }
            };
            // Nothing that follows the end of the message is read.
            drop(reader);
            yield complete;
        }
    }

    fn open(&self, prompt: &ClaudePrompt) -> Result<EventSource, UpstreamError> {
        let request = self
            .http
            .post(self.messages.clone())
            .header("x-api-key", key_header(&self.api_key)?)
            .header("anthropic-version", "2023-06-01")
            .json(&request::body(&self.model, prompt));
        let mut source = EventSource::new(request).map_err(|_| failure::unrepeatable())?;
        // Before the first poll: one call is one POST.
        source.set_retry_policy(Box::new(retry::Never));
        Ok(source)
    }
}

fn key_header(key: &ApiKey) -> Result<HeaderValue, UpstreamError> {
    key.header(UPSTREAM, SPEAKER, "ANTHROPIC_API_KEY")
}

#[cfg(test)]
mod tests;
