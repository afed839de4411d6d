//! The body of a request to the Messages API.
//! It holds nothing that today's models refuse: no forced tool choice, no prefill, no sampling, no thinking budget.

use serde_json::{Value, json};

/// One question.
#[derive(Clone, Debug)]
pub struct ClaudePrompt {
    /// What is the same for every job of a kind; cached by the upstream, so keep anything about one job out of it.
    pub system: String,
    /// What this job is about.
    pub user: String,
    /// The JSON schema of the answer: every object with `additionalProperties: false` and all keys in `required`, no
    /// bounds on numbers or lengths (UPSTREAMS §3.3).
    pub schema: Value,
    /// Tokens of thinking and answer together; 8000 is a fair start.
    pub max_tokens: u32,
    /// An earlier answer to the same question that Claude is asked to put right.
    pub revision: Option<Revision>,
}

/// An answer that is to be written anew.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The answer's text as it came, [`text`](super::ClaudeAnswer::text).
    pub answer: String,
    /// What is wrong with it, as Claude is told.
    pub problem: String,
}

/// What stands for an answer without text: the API refuses an empty message.
const NO_TEXT: &str = "(no text)";

/// UPSTREAMS §3.3.
pub(super) fn body(model: &str, prompt: &ClaudePrompt) -> Value {
    json!({
        "model": model,
        "max_tokens": prompt.max_tokens,
        "stream": true,
        "system": [{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}],
        "messages": messages(prompt),
        "output_config": {
            "effort": "medium",
            "format": {"type": "json_schema", "schema": prompt.schema},
        },
    })
}

/// The user has the last word always: today's models refuse an assistant's as a prefill (UPSTREAMS §3.2).
fn messages(prompt: &ClaudePrompt) -> Value {
    let question = json!({"role": "user", "content": prompt.user});
    match &prompt.revision {
        None => json!([question]),
        Some(Revision { answer, problem }) => {
            let answer = if answer.trim().is_empty() { NO_TEXT } else { answer };
            json!([question, {"role": "assistant", "content": answer}, {"role": "user", "content": problem}])
        }
    }
}
