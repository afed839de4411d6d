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
use super::{AttemptError, Context, Step, read};
use crate::upstream::{AnswerContent, ClaudeAnswer, ClaudeClient, ClaudeEvent, ClaudePrompt, Revision};

/// Room for the model's thinking and its answer, in tokens; twice as much after an answer that was cut off.
const MAX_TOKENS: u32 = 16_000;

/// Deltas are merged to at most ten a second.
const DELTA_INTERVAL: Duration = Duration::from_millis(100);

/// How many pieces of text one delta may be merged from; more than a model writes in the interval.
const DELTA_PIECES: usize = 512;

/// The most of an answer that is sent back to be corrected, in bytes.
const REVISED_ANSWER: usize = 100_000;

/// The most of a problem that is told, in characters: it may quote the answer.
const PROBLEM: usize = 500;

/// A question, and how it is shown.
pub(super) struct Question {
    /// The number of the step that asks, from 1.
    pub number: u32,
    /// That step: a person reads its title while the model writes, and what it learns before it is done is stored under
    /// names that begin with its name.
    pub step: &'static Step,
    /// The progress of the whole job from the first word to the last, in percent.
    pub percent: RangeInclusive<u8>,
    /// The answer's usual length in characters, to tell how far the model has come.
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
    /// What it took, with what the earlier answers took that could not be used.
    pub usage: Usage,
}

/// An answer that could not be used. It is stored, so that the attempt that follows goes on from it.
#[derive(Debug, Serialize, Deserialize)]
struct Setback {
    kind: SetbackKind,
    /// What this answer alone took.
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
    /// attempt shows the model that reason, once. After a second such answer the job fails, and a user's retry asks the
    /// question anew.
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
        context.progress(self.number, *self.percent.start(), self.step.title).await?;
        let setbacks = self.setbacks(context).await?;
        let answer = self.stream(context, claude, to_put_right(&setbacks)).await?;
        let usage = Usage::of_call(&answer);
        let kind = match answer.content {
            AnswerContent::Object(content) => match check(&content) {
                Ok(()) => {
                    let usage = setbacks.iter().fold(usage, |sum, setback| sum.and(&setback.usage));
                    return Ok(Answer { content, model: answer.model, usage });
                }
                Err(problem) => SetbackKind::invalid(&answer.text, &problem),
            },
            AnswerContent::NoObject => SetbackKind::invalid(&answer.text, "it holds no JSON object"),
            AnswerContent::CutOff => SetbackKind::CutOff,
        };
        Err(self.set_back(context, &setbacks, Setback { kind, usage }, began).await?)
    }

    /// The name under which the setback of this number, from 1, is stored.
    fn setback_name(&self, number: usize) -> String {
        format!("{}.setback_{number}", self.step.name)
    }

    /// The answers to this question that could not be used, the first one first.
    async fn setbacks(&self, context: &Context) -> Result<Vec<Setback>, AttemptError> {
        let mut setbacks = Vec::new();
        while let Some(stored) = context.stored_output(&self.setback_name(setbacks.len() + 1)).await? {
            setbacks.push(read(stored, "The stored answer of the model cannot be read")?);
        }
        Ok(setbacks)
    }

    /// Stores the setback; the error with which the attempt ends, the last one if this was the second chance.
    async fn set_back(
        &self,
        context: &Context,
        before: &[Setback],
        setback: Setback,
        began: Instant,
    ) -> Result<AttemptError, AttemptError> {
        let first = to_put_right(before);
        let code = setback.kind.code();
        tracing::warn!(
            step = self.step.name,
            code,
            was_the_second = first.is_some(),
            "an answer of the model cannot be used"
        );
        context.keep(&self.setback_name(before.len() + 1), &json!(setback), began).await?;
        Ok(match first {
            None => AttemptError::retryable_after(Duration::ZERO, code, setback.kind.words()),
            Some(first) => AttemptError::fatal(code, setback.kind.last_words(&first.kind)),
        })
    }

    fn prompt(&self, setback: Option<&Setback>) -> ClaudePrompt {
        let (max_tokens, revision) = match setback.map(|setback| &setback.kind) {
            None => (MAX_TOKENS, None),
            Some(SetbackKind::CutOff) => (2 * MAX_TOKENS, None),
            Some(SetbackKind::Invalid { answer, problem }) => {
                let problem = format!(
                    "Your answer cannot be used: {problem}. Answer again with the whole corrected JSON object and nothing else."
                );
                (MAX_TOKENS, Some(Revision { answer: answer.clone(), problem }))
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
            written += text.chars().count();
            context.delta(text).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
            let reached = self.reached(written);
            if reached > percent {
                percent = reached;
                context.progress_with(self.number, percent, self.step.title, json!({"characters": written})).await?;
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

/// The setback that the next answer is to put right: each question has one further chance, so that they come in pairs,
/// and after a whole pair the question is a new one.
fn to_put_right(setbacks: &[Setback]) -> Option<&Setback> {
    if setbacks.len() % 2 == 1 { setbacks.last() } else { None }
}

impl SetbackKind {
    fn invalid(answer: &str, problem: &str) -> SetbackKind {
        let answer = answer[..answer.floor_char_boundary(REVISED_ANSWER)].to_owned();
        SetbackKind::Invalid { answer, problem: problem.chars().take(PROBLEM).collect() }
    }

    fn code(&self) -> &'static str {
        match self {
            SetbackKind::Invalid { .. } => "invalid_answer",
            SetbackKind::CutOff => "truncated",
        }
    }

    /// For the person, while there is a further chance; also true where the job has no attempt left for it.
    fn words(&self) -> String {
        match self {
            SetbackKind::Invalid { problem, .. } => {
                format!("Claude's answer could not be used: {problem}; the next attempt asks it to correct that")
            }
            SetbackKind::CutOff => {
                "Claude's answer was cut off by its length limit; the next attempt gives it twice the room".to_owned()
            }
        }
    }

    /// For the person, when the further chance is used up.
    fn last_words(&self, first: &SetbackKind) -> String {
        use SetbackKind::{CutOff, Invalid};
        match (first, self) {
            (Invalid { .. }, Invalid { problem, .. }) => format!(
                "Claude's answer could not be used, also after it was asked to correct it: {problem}; retry the job to ask anew"
            ),
            (CutOff, Invalid { problem, .. }) => format!(
                "Claude's answer could not be used: {problem}; the one before was cut off; retry the job to ask anew"
            ),
            (CutOff, CutOff) => format!(
                "Claude's answer was cut off twice by its length limit ({} tokens); give it less to work on",
                2 * MAX_TOKENS
            ),
            (Invalid { .. }, CutOff) => format!(
                "Claude's answer was cut off by its length limit ({MAX_TOKENS} tokens) when it was asked to correct it; retry the job to ask anew"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setback() -> Setback {
        let usage = json!({"calls": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": null});
        Setback { kind: SetbackKind::CutOff, usage: serde_json::from_value(usage).unwrap() }
    }

    #[test]
    fn each_question_has_one_further_chance() {
        for (setbacks, has_one_to_put_right) in [(0, false), (1, true), (2, false), (3, true)] {
            let setbacks: Vec<Setback> = (0..setbacks).map(|_| setback()).collect();
            assert_eq!(to_put_right(&setbacks).is_some(), has_one_to_put_right, "{}", setbacks.len());
        }
    }

    #[test]
    fn what_a_problem_quotes_is_shortened() {
        let long = "é".repeat(200_000);
        let SetbackKind::Invalid { answer, problem } = SetbackKind::invalid(&long, &long) else { unreachable!() };
        assert_eq!((answer.len(), problem.chars().count()), (REVISED_ANSWER, PROBLEM));
    }

    #[test]
    fn the_last_words_say_what_came_before() {
        let invalid = SetbackKind::invalid("{}", "name is empty");
        for (first, second, expected) in [
            (&invalid, &invalid, "also after it was asked to correct it: name is empty"),
            (&SetbackKind::CutOff, &invalid, "could not be used: name is empty; the one before was cut off"),
            (&SetbackKind::CutOff, &SetbackKind::CutOff, "cut off twice by its length limit (32000 tokens)"),
            (&invalid, &SetbackKind::CutOff, "cut off by its length limit (16000 tokens) when it was asked to correct"),
        ] {
            assert!(second.last_words(first).contains(expected), "{}", second.last_words(first));
        }
    }
}
