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
}

/// UPSTREAMS §3.3.
pub(super) fn body(model: &str, prompt: &ClaudePrompt) -> Value {
    json!({
        "model": model,
        "max_tokens": prompt.max_tokens,
        "stream": true,
        "system": [{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": prompt.user}],
        "output_config": {
            "effort": "medium",
            "format": {"type": "json_schema", "schema": prompt.schema},
        },
    })
}
