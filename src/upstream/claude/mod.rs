//! The client of Claude's Messages API: one prompt, one streamed answer in JSON that follows a schema.
//! It sends each request once, writes no prompts of its own, and does not check the answer against the schema.
//!
//! The stream is read through `reqwest-eventsource` with retries off: its default sends the same POST again after every
//! end of a stream (UPSTREAMS §4.2), and each one is billed. The crate does not hand over the headers of a good answer,
//! so that its request id is unknown; the id of the message stands in for it.

mod answer;
mod failure;
mod key;
mod request;
mod wire;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_stream::try_stream;
use futures_util::{Stream, StreamExt as _};
use reqwest_eventsource::{Event, EventSource, retry};
use serde_json::Value;
use url::Url;

pub use self::key::ApiKey;
pub use self::request::ClaudePrompt;

use self::answer::PartialAnswer;
use super::deadline::Deadline;
use super::error::UpstreamError;
use super::http;

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

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaudeAnswer {
    /// All text blocks in the order of their index, NUL replaced.
    pub text: String,
    /// The JSON object in the text, NUL replaced. Not checked against the schema.
    pub json: Value,
    /// The model that answered.
    pub model: String,
    /// Why it stopped: `end_turn`, `stop_sequence`, `tool_use`, or a reason that is not known here.
    pub stop_reason: String,
    /// Tokens read, without those that the cache served.
    pub input_tokens: u64,
    /// Tokens written, thinking included.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_input_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_creation_input_tokens: u64,
    /// The `request-id`, where it is known.
    pub request_id: Option<String>,
    /// The message's own id (`msg_…`).
    pub message_id: Option<String>,
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
        api_key.header()?;
        let messages = http::endpoint(UPSTREAM, "ANTHROPIC_BASE_URL", &base_url, &["v1", "messages"])?;
        Ok(Self { http: http::client(UPSTREAM, &base_url, limits.idle)?, messages, api_key, model, limits })
    }

    /// Asks Claude and streams its answer: [`ClaudeEvent::Complete`] or an error is the last item.
    ///
    /// The request is sent once, when the stream is first polled. Dropping the stream closes the connection. An answer
    /// that ended by its length is the error `truncated`, one that Claude declined `refused`, and one whose text holds
    /// no JSON object `invalid_answer`.
    pub fn stream(
        &self,
        prompt: ClaudePrompt,
    ) -> impl Stream<Item = Result<ClaudeEvent, UpstreamError>> + Send + use<> {
        let api_key = self.api_key.clone();
        self.clone().ask(prompt).map(move |item| {
            item.map_err(|error| UpstreamError { message: api_key.strike_from(&error.message), ..error })
        })
    }

    fn ask(self, prompt: ClaudePrompt) -> impl Stream<Item = Result<ClaudeEvent, UpstreamError>> + Send {
        try_stream! {
            let deadline = Deadline::start(UPSTREAM, SPEAKER, self.limits.idle, self.limits.total);
            let source = self.open(&prompt)?;
            // The crate's parser panics on a byte order mark; that ends the call and not the worker.
            let mut source = AssertUnwindSafe(source).catch_unwind();
            let mut answer = PartialAnswer::new(self.limits.text_bytes);
            let complete = loop {
                let message = match deadline.wait(source.next()).await? {
                    Some(Ok(Ok(Event::Open))) => continue,
                    Some(Ok(Ok(Event::Message(message)))) => message,
                    Some(Ok(Err(error))) => Err(failure::of_source(error, &self.model).await)?,
                    Some(Err(_panic)) => Err(failure::undecodable())?,
                    None => Err(failure::ended_early())?,
                };
                let Some(event) = wire::event(&message.event, &message.data)? else { continue };
                match answer.take(event)? {
                    Some(complete @ ClaudeEvent::Complete(_)) => break complete,
                    Some(event) => yield event,
                    None => {}
                }
            };
            // Nothing that follows the end of the message is read.
            drop(source);
            yield complete;
        }
    }

    fn open(&self, prompt: &ClaudePrompt) -> Result<EventSource, UpstreamError> {
        let request = self
            .http
            .post(self.messages.clone())
            .header("x-api-key", self.api_key.header()?)
            .header("anthropic-version", "2023-06-01")
            .json(&request::body(&self.model, prompt));
        let mut source = EventSource::new(request).map_err(|_| failure::unrepeatable())?;
        // Before the first poll: one call is one POST.
        source.set_retry_policy(Box::new(retry::Never));
        Ok(source)
    }
}

#[cfg(test)]
mod tests;
