//! Reads one answer from its connection, event by event, within the bounds of the call.
//! It never sends the request again, and does not judge what an answer says.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;

use futures_util::stream::{CatchUnwind, StreamExt as _};
use reqwest::Response;
use reqwest::header::HeaderValue;
use reqwest_eventsource::{Error as SourceError, Event, EventSource};

use super::super::deadline::Deadline;
use super::super::error::UpstreamError;
use super::super::{http, json};
use super::answer::PartialAnswer;
use super::wire::{self, ErrorBody, StreamEvent, WholeMessage};
use super::{ClaudeClient, ClaudeEvent, SPEAKER, UPSTREAM, failure};

/// One call under way. What it used up is counted when it is dropped, however it ended: it is billed, too.
pub(super) struct AnswerReader {
    client: ClaudeClient,
    /// The crate's parser panics on a byte order mark; that ends the call and not the worker.
    source: CatchUnwind<AssertUnwindSafe<EventSource>>,
    deadline: Deadline,
    answer: PartialAnswer,
    /// What is left of an answer that came as one document instead of a stream.
    document: VecDeque<StreamEvent>,
}

impl AnswerReader {
    /// Starts the time of the call; the request is sent when the first event is asked for.
    pub(super) fn new(client: ClaudeClient, source: EventSource) -> Self {
        let limits = client.limits;
        Self {
            client,
            source: AssertUnwindSafe(source).catch_unwind(),
            deadline: Deadline::start(UPSTREAM, SPEAKER, limits.idle, limits.total),
            answer: PartialAnswer::new(limits.text_bytes),
            document: VecDeque::new(),
        }
    }

    /// The next event that a reader should hear of. An error has the id that Anthropic's support can find it by, as far
    /// as one is known.
    pub(super) async fn next(&mut self) -> Result<ClaudeEvent, UpstreamError> {
        let event = self.next_event().await.map_err(|error| self.answer.identified(error))?;
        if let ClaudeEvent::Complete(answer) = &event {
            tracing::info!(
                upstream = UPSTREAM,
                message_id = answer.message_id,
                request_id = answer.request_id,
                model = answer.model,
                stop_reason = answer.stop_reason,
                input_tokens = answer.usage.input_tokens,
                output_tokens = answer.usage.output_tokens,
                cache_read_input_tokens = answer.usage.cache_read_input_tokens,
                cache_creation_input_tokens = answer.usage.cache_creation_input_tokens,
                "Claude answered"
            );
        }
        Ok(event)
    }

    async fn next_event(&mut self) -> Result<ClaudeEvent, UpstreamError> {
        loop {
            let event = match self.document.pop_front() {
                Some(event) => Some(event),
                None => self.receive().await?,
            };
            if let Some(event) = event
                && let Some(heard) = self.answer.take(event)?
            {
                return Ok(heard);
            }
        }
    }

    /// The next event of the stream; none where what came is no event that is known here.
    async fn receive(&mut self) -> Result<Option<StreamEvent>, UpstreamError> {
        match self.deadline.wait(self.source.next()).await? {
            Some(Ok(Ok(Event::Open))) => Ok(None),
            Some(Ok(Ok(Event::Message(message)))) => wire::event(&message.event, &message.data),
            Some(Ok(Err(SourceError::InvalidContentType(stated, response)))) => {
                self.take_document(&stated, response).await?;
                Ok(None)
            }
            Some(Ok(Err(error))) => Err(failure::of_source(error, &self.client).await),
            Some(Err(_panic)) => Err(failure::undecodable()),
            None => Err(failure::ended_early()),
        }
    }

    /// An answer with status 200 that is no event stream: a gateway may have asked for the whole message at once.
    async fn take_document(&mut self, stated: &HeaderValue, response: Response) -> Result<(), UpstreamError> {
        self.answer.set_request_id(failure::request_id(response.headers()));
        let is_json = http::content_type(&response) == "application/json";
        let body = if is_json {
            // Text of the answer with its escapes, and blocks that are no text.
            http::body(response, &self.deadline, self.client.limits.text_bytes.saturating_mul(2)).await?
        } else {
            http::error_body(response).await
        };
        let value = json::parse_body(&body).unwrap_or_default();
        if is_json && value["type"] == "message" {
            let message: WholeMessage = serde_json::from_value(value).map_err(|_| failure::unreadable("message"))?;
            self.document = message.into_events().into();
            return Ok(());
        }
        match serde_json::from_value::<ErrorBody>(value) {
            Ok(ErrorBody { error, request_id }) if error.kind.is_some() => Err(failure::of_event(error, request_id)),
            _ => Err(failure::unexpected_content_type(stated)),
        }
    }
}

impl Drop for AnswerReader {
    fn drop(&mut self) {
        self.answer.usage().count();
    }
}
