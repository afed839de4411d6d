//! Puts an answer together from the stream's events, and reads the JSON in it when it is whole.
//! It does not read the stream, and keeps nothing of what Claude thinks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::error::UpstreamError;
use super::super::{json, text};
use super::wire::{ContentBlock, Delta, Message, MessageChange, StopDetails, StreamEvent, Usage};
use super::{AnswerContent, ClaudeAnswer, ClaudeEvent, ClaudeUsage, failure};

/// What has come of one answer.
pub(super) struct PartialAnswer {
    model: String,
    request_id: Option<String>,
    message_id: Option<String>,
    /// By their index, which is their order.
    blocks: BTreeMap<u64, Block>,
    usage: Usage,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
    text_bytes: usize,
    text_limit: usize,
}

#[derive(Default)]
struct Block {
    kind: BlockKind,
    text: String,
}

#[derive(Default, PartialEq, Eq)]
enum BlockKind {
    #[default]
    Text,
    /// The input of a tool, in JSON.
    ToolInput,
    Other,
}

impl PartialAnswer {
    pub(super) fn new(text_limit: usize) -> Self {
        Self {
            model: String::new(),
            request_id: None,
            message_id: None,
            blocks: BTreeMap::new(),
            usage: Usage::default(),
            stop_reason: None,
            stop_details: None,
            text_bytes: 0,
            text_limit,
        }
    }

    pub(super) fn set_request_id(&mut self, request_id: Option<String>) {
        self.request_id = request_id;
    }

    /// What the call used up, as far as it was told.
    pub(super) fn usage(&self) -> ClaudeUsage {
        let Usage { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = self.usage;
        ClaudeUsage {
            input_tokens: input_tokens.unwrap_or(0),
            output_tokens: output_tokens.unwrap_or(0),
            cache_read_input_tokens: cache_read_input_tokens.unwrap_or(0),
            cache_creation_input_tokens: cache_creation_input_tokens.unwrap_or(0),
        }
    }

    /// The error with the id of this answer, unless it has one of its own.
    pub(super) fn identified(&self, error: UpstreamError) -> UpstreamError {
        let id = error.request_id.or_else(|| self.request_id.clone()).or_else(|| self.message_id.clone());
        UpstreamError { request_id: id, ..error }
    }

    /// Takes the next event and gives what a reader should hear of it.
    pub(super) fn take(&mut self, event: StreamEvent) -> Result<Option<ClaudeEvent>, UpstreamError> {
        match event {
            StreamEvent::MessageStart { message } => Ok(Some(self.start(message))),
            StreamEvent::ContentBlockStart { index, content_block } => self.start_block(index, content_block),
            StreamEvent::ContentBlockDelta { index, delta } => self.extend_block(index, delta),
            StreamEvent::MessageDelta { delta, usage } => {
                self.change(delta, usage);
                Ok(None)
            }
            StreamEvent::MessageStop => self.complete().map(|answer| Some(ClaudeEvent::Complete(answer))),
            StreamEvent::Error { error, request_id } => Err(failure::of_event(error, request_id)),
            StreamEvent::Unknown => Ok(None),
        }
    }

    fn start(&mut self, message: Message) -> ClaudeEvent {
        self.model = text::clean(&message.model, 100);
        self.message_id = failure::shown_id(message.id);
        self.count(message.usage);
        ClaudeEvent::Started { model: self.model.clone() }
    }

    fn start_block(&mut self, index: u64, block: ContentBlock) -> Result<Option<ClaudeEvent>, UpstreamError> {
        let (kind, first) = match block {
            ContentBlock::Text { text } => (BlockKind::Text, text),
            // An empty object stands for an input that is still to come.
            ContentBlock::ToolUse { input: Value::Object(input) } if !input.is_empty() => {
                (BlockKind::ToolInput, Value::Object(input).to_string())
            }
            ContentBlock::ToolUse { .. } => (BlockKind::ToolInput, String::new()),
            ContentBlock::Thinking | ContentBlock::RedactedThinking => {
                self.blocks.insert(index, Block { kind: BlockKind::Other, text: String::new() });
                return Ok(Some(ClaudeEvent::Thinking));
            }
            ContentBlock::Unknown => (BlockKind::Other, String::new()),
        };
        self.blocks.insert(index, Block { kind, text: String::new() });
        self.extend(index, first)
    }

    fn extend_block(&mut self, index: u64, delta: Delta) -> Result<Option<ClaudeEvent>, UpstreamError> {
        match delta {
            Delta::Text { text } => self.extend(index, text),
            Delta::InputJson { partial_json } => self.extend(index, partial_json),
            Delta::Thinking => Ok(Some(ClaudeEvent::Thinking)),
            Delta::Unknown => Ok(None),
        }
    }

    fn extend(&mut self, index: u64, more: String) -> Result<Option<ClaudeEvent>, UpstreamError> {
        let block = self.blocks.entry(index).or_default();
        if block.kind == BlockKind::Other || more.is_empty() {
            return Ok(None);
        }
        self.text_bytes += more.len();
        if self.text_bytes > self.text_limit {
            return Err(failure::too_long(self.text_limit));
        }
        block.text.push_str(&more);
        Ok(Some(ClaudeEvent::Text(more)))
    }

    fn change(&mut self, change: MessageChange, usage: Option<Usage>) {
        self.stop_reason = change.stop_reason.or(self.stop_reason.take());
        self.stop_details = change.stop_details.or(self.stop_details.take());
        self.count(usage);
    }

    fn count(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else { return };
        let known = &mut self.usage;
        known.input_tokens = usage.input_tokens.or(known.input_tokens);
        known.output_tokens = usage.output_tokens.or(known.output_tokens);
        known.cache_read_input_tokens = usage.cache_read_input_tokens.or(known.cache_read_input_tokens);
        known.cache_creation_input_tokens = usage.cache_creation_input_tokens.or(known.cache_creation_input_tokens);
    }

    /// The stop reasons of UPSTREAMS §3.4. The answer is sure to be whole only where Claude ended it itself; with a
    /// reason that is not known here, it is taken if it holds an object.
    fn complete(&mut self) -> Result<ClaudeAnswer, UpstreamError> {
        let stop_reason = text::clean(&self.stop_reason.take().unwrap_or_default(), 100);
        let text = match stop_reason.as_str() {
            "refusal" => return Err(failure::refused(self.stop_details.take().unwrap_or_default())),
            "tool_use" => self.joined(&BlockKind::ToolInput),
            _ => self.joined(&BlockKind::Text),
        };
        let content = match stop_reason.as_str() {
            // Also where the rest happens to be an object: it is not the whole answer.
            "max_tokens" | "model_context_window_exceeded" => AnswerContent::CutOff,
            known => match (object_in(&text), known) {
                (Some(object), _) => AnswerContent::Object(object),
                (None, "end_turn" | "stop_sequence" | "tool_use") => AnswerContent::NoObject,
                (None, unknown) => return Err(failure::unexpected_stop(unknown)),
            },
        };
        Ok(ClaudeAnswer {
            text,
            content,
            model: std::mem::take(&mut self.model),
            usage: self.usage(),
            stop_reason,
            request_id: self.request_id.take(),
            message_id: self.message_id.take(),
        })
    }

    fn joined(&self, kind: &BlockKind) -> String {
        self.blocks.values().filter(|block| block.kind == *kind).map(|block| block.text.as_str()).collect()
    }
}

/// The JSON object that the text is; of a text that is not JSON, the outermost `{…}`: what is left without code fences
/// and remarks.
fn object_in(text: &str) -> Option<Value> {
    let value = match json::parse(text) {
        Ok(value) => value,
        Err(_) => fenced(text).or_else(|| outermost(text)).and_then(|inner| json::parse(inner).ok())?,
    };
    value.is_object().then_some(value)
}

/// What stands between the first code fences, without the word behind the first.
fn fenced(text: &str) -> Option<&str> {
    let (_, from_fence) = text.split_once("```")?;
    let (_, inner) = from_fence.split_once('\n')?;
    let (inner, _) = inner.split_once("```")?;
    inner.trim_start().starts_with('{').then_some(inner)
}

fn outermost(text: &str) -> Option<&str> {
    text.get(text.find('{')?..=text.rfind('}')?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_is_found_in_fences_and_remarks() {
        let expected = json!({"a": {"b": "}"}});
        for text in [
            "{\"a\":{\"b\":\"}\"}}",
            " \n{\"a\":{\"b\":\"}\"}}\n",
            "```json\n{\"a\":{\"b\":\"}\"}}\n```",
            "Here it is:\n```\n{\"a\":{\"b\":\"}\"}}\n```\nAnything else?",
            "As {you} asked:\n```json\n{\"a\":{\"b\":\"}\"}}\n```\nThe {braces} are mine.",
        ] {
            assert_eq!(object_in(text), Some(expected.clone()), "{text}");
        }
    }

    /// Each input is pairs of lines: the name of an event and its data.
    #[test]
    fn whatever_the_stream_says_an_answer_keeps_to_its_bounds() {
        const LIMIT: usize = 200;
        crate::corpus::withstands("claude", 2000, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<&str> = text.lines().collect();
            let mut answer = PartialAnswer::new(LIMIT);
            for pair in lines.chunks(2) {
                let [name, data] = pair else { break };
                let Ok(Some(event)) = super::super::wire::event(name, data) else { continue };
                match answer.take(event) {
                    Ok(Some(ClaudeEvent::Text(text))) => assert!(!text.is_empty() && text.len() <= LIMIT),
                    Ok(Some(ClaudeEvent::Complete(answer))) => {
                        assert!(answer.text.len() <= LIMIT, "{answer:?}");
                        let whole = answer.content != AnswerContent::CutOff;
                        assert!(whole || answer.stop_reason != "end_turn", "{answer:?}");
                        break;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        assert!(!error.message.is_empty() && error.message.chars().count() <= 600, "{error:?}");
                        break;
                    }
                }
            }
            object_in(&text);
        });
    }

    #[test]
    fn a_text_without_an_object_has_none() {
        for text in ["", "I cannot do that.", "[{}]", "\"{}\"", "}{", "{\"a\":", "null", "{\"a\":1} and {\"b\":2}"] {
            assert_eq!(object_in(text), None, "{text}");
        }
    }
}
