//! A question to the model whose answer becomes a step's output: its text is shown as it comes, the answer is checked,
//! and one that cannot be used gets one more chance.
//! Must not know what any job type asks, or ask more often than told: each call is paid for.

use std::ops::RangeInclusive;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_stream::StreamExt as _;

use super::usage::Usage;
use super::{AttemptError, Context, read};
use crate::upstream::{AnswerContent, ClaudeAnswer, ClaudeClient, ClaudeEvent, ClaudePrompt, Revision};

/// Room for the model's thinking and its answer, in tokens; twice as much after an answer that was cut off.
const MAX_TOKENS: u32 = 16_000;

/// Deltas are merged to at most ten a second.
const DELTA_INTERVAL: Duration = Duration::from_millis(100);

/// How many pieces of text one delta may be merged from; more than a model writes in the interval.
const DELTA_PIECES: usize = 512;

/// The most of an answer that is sent back to be corrected, in bytes.
const REVISED_ANSWER: usize = 100_000;

/// A question, and how it is shown.
pub(super) struct Question {
    /// The number of the step that asks, from 1.
    pub step: u32,
    /// The name of that step; what it learns before it is done is stored under names that begin with it.
    pub name: &'static str,
    /// What a person reads while the model writes.
    pub title: &'static str,
    /// The progress of the whole job from the first word to the last, in percent.
    pub percent: RangeInclusive<u8>,
    /// The answer's usual length in bytes, to tell how far the model has come.
    pub typical_answer: usize,
    /// What is the same for every job of the type.
    pub system: &'static str,
    /// What this job is about.
    pub user: String,
    /// The schema of the answer; see `schema`.
    pub schema: Value,
}

/// An answer that has passed its check; the stored output of the step.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The JSON object.
    pub content: Value,
    /// The model that answered.
    pub model: String,
    /// What it took, with what an earlier answer took that could not be used.
    pub usage: Usage,
}

/// An answer that could not be used. It is stored, so that the attempt that follows goes on from it.
#[derive(Debug, Serialize, Deserialize)]
struct Setback {
    kind: SetbackKind,
    usage: Usage,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SetbackKind {
    /// It was not what was asked for.
    Invalid { answer: String, problem: String },
    /// It ended by its length.
    CutOff,
}

impl Question {
    /// Asks, and answers what `check` lets pass. An answer that it refuses, with a reason, ends the attempt; the next
    /// attempt shows the model that reason, once.
    ///
    /// A new attempt rather than a second call in this one, because the stream then says by its own words (`retrying`)
    /// that the text already shown is void.
    pub(super) async fn ask(
        self,
        context: &Context,
        claude: Option<&ClaudeClient>,
        check: impl Fn(&Value) -> Result<(), String> + Send,
    ) -> Result<Answer, AttemptError> {
        let claude = claude.ok_or_else(|| AttemptError::fatal("missing_key", "ANTHROPIC_API_KEY is not set"))?;
        let began = Instant::now();
        context.progress(self.step, *self.percent.start(), self.title).await?;
        let setback = self.setback(context).await?;
        let answer = self.stream(context, claude, setback.as_ref()).await?;
        let mut usage = Usage::of_call(&answer);
        if let Some(setback) = &setback {
            usage.add(&setback.usage);
        }
        let kind = match answer.content {
            AnswerContent::Object(content) => match check(&content) {
                Ok(()) => return Ok(Answer { content, model: answer.model, usage }),
                Err(problem) => SetbackKind::Invalid { answer: answer.text, problem },
            },
            AnswerContent::NoObject => {
                SetbackKind::Invalid { answer: answer.text, problem: "it holds no JSON object".to_owned() }
            }
            AnswerContent::CutOff => SetbackKind::CutOff,
        };
        Err(self.set_back(context, Setback { kind, usage }, setback.is_some(), began).await?)
    }

    fn setback_name(&self) -> String {
        format!("{}.setback", self.name)
    }

    async fn setback(&self, context: &Context) -> Result<Option<Setback>, AttemptError> {
        let stored = context.stored_output(&self.setback_name()).await?;
        stored.map(|stored| read(stored, "The stored answer of the model cannot be read")).transpose()
    }

    /// The error with which the attempt ends: the last one, if the answer has had its second chance.
    async fn set_back(
        &self,
        context: &Context,
        setback: Setback,
        was_the_second: bool,
        began: Instant,
    ) -> Result<AttemptError, AttemptError> {
        let (code, words, last_words) = match &setback.kind {
            SetbackKind::Invalid { problem, .. } => (
                "invalid_answer",
                format!("Claude's answer could not be used: {problem}; it is asked to correct it"),
                format!("Claude's answer could not be used, also after it was asked to correct it: {problem}"),
            ),
            SetbackKind::CutOff => (
                "truncated",
                "Claude's answer was cut off by its length limit; it gets twice the room".to_owned(),
                format!(
                    "Claude's answer was cut off twice by its length limit ({} tokens); give it less to work on",
                    2 * MAX_TOKENS
                ),
            ),
        };
        tracing::warn!(step = self.name, code, was_the_second, "an answer of the model cannot be used");
        if was_the_second {
            return Ok(AttemptError::fatal(code, last_words));
        }
        context.keep(&self.setback_name(), &json!(setback), began).await?;
        Ok(AttemptError::retryable_after(Duration::ZERO, code, words))
    }

    fn prompt(&self, setback: Option<&Setback>) -> ClaudePrompt {
        let (max_tokens, revision) = match setback.map(|setback| &setback.kind) {
            None => (MAX_TOKENS, None),
            Some(SetbackKind::CutOff) => (2 * MAX_TOKENS, None),
            Some(SetbackKind::Invalid { answer, problem }) => {
                let problem = format!(
                    "Your answer cannot be used: {problem}. Answer again with the whole corrected JSON object and nothing else."
                );
                // An empty message is refused by the API.
                let answer = if answer.trim().is_empty() { "(nothing)" } else { answer };
                let answer = answer[..answer.floor_char_boundary(REVISED_ANSWER)].to_owned();
                (MAX_TOKENS, Some(Revision { answer, problem }))
            }
        };
        ClaudePrompt {
            system: self.system.to_owned(),
            user: self.user.clone(),
            schema: self.schema.clone(),
            max_tokens,
            revision,
        }
    }

    /// Emits the answer's text merged to a few deltas a second, and the progress that its length shows.
    async fn stream(
        &self,
        context: &Context,
        claude: &ClaudeClient,
        setback: Option<&Setback>,
    ) -> Result<ClaudeAnswer, AttemptError> {
        let mut batches = pin!(claude.stream(self.prompt(setback)).chunks_timeout(DELTA_PIECES, DELTA_INTERVAL));
        let mut written = 0;
        let mut percent = *self.percent.start();
        while let Some(batch) = StreamExt::next(&mut batches).await {
            let mut text = String::new();
            let mut answer = None;
            for event in batch {
                match event? {
                    ClaudeEvent::Text(piece) => text.push_str(&piece),
                    ClaudeEvent::Complete(complete) => answer = Some(complete),
                    ClaudeEvent::Started { .. } | ClaudeEvent::Thinking => {}
                }
            }
            written += text.len();
            context.delta(text).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
            let reached = self.reached(written);
            if reached > percent {
                percent = reached;
                context.progress_with(self.step, percent, self.title, json!({"characters": written})).await?;
            }
        }
        Err(AttemptError::retryable("stream_ended_early", "Claude's answer ended early"))
    }

    fn reached(&self, written: usize) -> u8 {
        let (from, to) = (*self.percent.start(), *self.percent.end());
        let way = usize::from(to.saturating_sub(from));
        from + u8::try_from((way * written / self.typical_answer.max(1)).min(way)).unwrap_or(0)
    }
}
